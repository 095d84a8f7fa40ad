import { tinyBackbone } from '@contrastive/testing';
import { describe, expect, it } from 'vitest';
import { lossOf } from '../test/feed.js';
import { circle } from '../test/rows.js';
import { type ByolOptions, byol } from './byol.js';

const backbone = tinyBackbone();
const both = <T>(it: T) => ({ view1: it, view2: it });
const lossAt = (options: Partial<ByolOptions>) =>
  lossOf(byol({ backbone, dim: 2, ...options }), {
    online: both({ projection: circle(10, 100) }),
    target: both({ projection: circle(0, 90) }),
  }).dataSync()[0]!;

describe('byol', () => {
  it('is twice the worked example of one direction for equal directions', () => {
    expect(lossAt({})).toBeCloseTo(2 * 0.030384, 5);
  });

  it('has the constants of the other sources', () => {
    expect(lossAt({ loss: 'cosine' })).toBeCloseTo(-4 * 0.984808, 5);
    expect(lossAt({ loss: 'halfCosine' })).toBeCloseTo(-0.984808, 5);
  });

  it('has biases before batch norm or none, and a predictor of its own width', () => {
    const names = (options: Partial<ByolOptions>) => {
      const { projector, predictor } = byol({ backbone, hidden: 5, dim: 3, ...options }).networks;
      return [projector, predictor!].map(({ specs }) =>
        Object.entries(specs)
          .filter(([name]) => !name.includes('norm'))
          .map(([name, { shape }]) => `${name} ${shape.join('×')}`),
      );
    };
    expect(names({})).toEqual([
      ['layer0/kernel 6×5', 'layer0/bias 5', 'layer1/kernel 5×3', 'layer1/bias 3'],
      ['layer0/kernel 3×5', 'layer0/bias 5', 'layer1/kernel 5×3', 'layer1/bias 3'],
    ]);
    expect(names({ hiddenBias: false, predictorHidden: 7 })).toEqual([
      ['layer0/kernel 6×5', 'layer1/kernel 5×3', 'layer1/bias 3'],
      ['layer0/kernel 3×7', 'layer1/kernel 7×3', 'layer1/bias 3'],
    ]);
  });

  it('has no negatives and a momentum target', () => {
    expect(byol({ backbone }).info({ batch: 5, side: 8 })).toMatchObject({
      ...{ negativeRows: { global: 0 }, anchorViews: ['view1', 'view2'], momentumTarget: true, dim: 256 },
    });
  });

  it('refuses options out of range', () => {
    expect(() => byol({ backbone, hidden: 0, predictorHidden: 0, loss: 'l2' as 'cosine' })).toThrow(
      /hidden must be.*\n.*predictorHidden must be.*\n.*loss must be one of distance, cosine, halfCosine/,
    );
  });
});
