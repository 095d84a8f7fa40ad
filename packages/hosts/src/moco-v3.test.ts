import { tinyBackbone } from '@contrastive/testing';
import { describe, expect, it } from 'vitest';
import { lossOf } from '../test/feed.js';
import { circle } from '../test/rows.js';
import { mocoV3 } from './moco-v3.js';

const backbone = tinyBackbone();
const both = <T>(it: T) => ({ view1: it, view2: it });

describe('mocoV3', () => {
  it('is twice the worked example of one direction for equal directions', () => {
    const host = mocoV3({ backbone, dim: 2, temperature: 0.2 });
    const loss = lossOf(host, {
      online: both({ projection: circle(10, 100) }),
      target: both({ projection: circle(0, 90) }),
    });
    expect(loss.dataSync()[0]).toBeCloseTo(2 * 0.004044, 5);
  });

  it('equals 4τ ln n when all scores are equal', () => {
    const host = mocoV3({ backbone, dim: 2, temperature: 0.3 });
    const same = both({ projection: circle(50, 50, 50) });
    expect(lossOf(host, { online: same }).dataSync()[0]).toBeCloseTo(4 * 0.3 * Math.log(3), 5);
  });

  it('has two layers and a plain end for a ResNet, three and batch norm at the end for a ViT', () => {
    const shapes = (heads: 'resnet' | 'vit', part: 'projector' | 'predictor') =>
      Object.entries(mocoV3({ backbone, heads, hidden: 5, dim: 3 }).networks[part]!.specs).map(
        ([name, { shape }]) => `${name} ${shape.join('×')}`,
      );
    const norm = (i: number, width: number) =>
      ['gamma', 'beta', 'mean', 'variance'].map((name) => `layer${i}/norm/${name} ${width}`);
    const plain = (i: number, width: number) => ['mean', 'variance'].map((name) => `layer${i}/norm/${name} ${width}`);
    expect(shapes('resnet', 'projector')).toEqual([
      ...['layer0/kernel 6×5', ...norm(0, 5)],
      ...['layer1/kernel 5×3', ...plain(1, 3)],
    ]);
    expect(shapes('vit', 'projector')).toEqual([
      ...['layer0/kernel 6×5', ...norm(0, 5)],
      ...['layer1/kernel 5×5', ...norm(1, 5)],
      ...['layer2/kernel 5×3', ...plain(2, 3)],
    ]);
    expect(shapes('resnet', 'predictor')).toEqual(['layer0/kernel 3×5', ...norm(0, 5), 'layer1/kernel 5×3']);
    expect(shapes('vit', 'predictor')).toEqual([
      ...['layer0/kernel 3×5', ...norm(0, 5)],
      ...['layer1/kernel 5×3', ...plain(1, 3)],
    ]);
  });

  it('has the keys of the batch as negatives', () => {
    expect(mocoV3({ backbone }).info({ batch: 5, side: 8 })).toMatchObject({
      ...{ negativeRows: { global: 5 }, anchorViews: ['view1', 'view2'], momentumTarget: true },
    });
  });

  it('refuses options out of range', () => {
    expect(() =>
      mocoV3({ backbone, heads: 'cnn' as 'vit', temperature: -1, emaPlacement: 'never' as 'after' }),
    ).toThrow(/heads must be one of resnet, vit.*\n.*temperature.*\n.*emaPlacement must be one of before, after/);
  });
});
