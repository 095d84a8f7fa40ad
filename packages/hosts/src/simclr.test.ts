import { seededRows, seededTensor, tinyBackbone } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lossOf } from '../test/feed.js';
import { circle } from '../test/rows.js';
import { type SimclrOptions, simclr } from './simclr.js';

const backbone = tinyBackbone();
const lossOfViews = (a: tf.Tensor2D, b: tf.Tensor2D, options: Partial<SimclrOptions> = {}) => {
  const host = simclr({ backbone, dim: a.shape[1], temperature: 0.5, ...options });
  return lossOf(host, { online: { view1: { projection: a }, view2: { projection: b } } });
};

describe('simclr', () => {
  it('gives the worked example of the spec', () => {
    expect(lossOfViews(circle(0, 90), circle(20, 140)).dataSync()[0]).toBeCloseTo(0.306964, 6);
  });

  it('equals ln(2n − 1) when all scores are equal', () => {
    const rows = circle(30, 30, 30);
    expect(lossOfViews(rows, rows).dataSync()[0]).toBeCloseTo(Math.log(5), 5);
  });

  it('does not change when views are swapped or everything is turned', () => {
    const rotation = (angle: number) =>
      tf.tensor2d([
        [Math.cos(angle), Math.sin(angle)],
        [-Math.sin(angle), Math.cos(angle)],
      ]);
    fc.assert(
      fc.property(fc.nat(1000), fc.double({ min: 0, max: 6.3, noNaN: true }), (seed, angle) => {
        const [a, b] = [seededRows(3, 2, seed), seededRows(3, 2, seed + 5000)];
        const loss = lossOfViews(a, b).dataSync()[0]!;
        expect(lossOfViews(b, a).dataSync()[0]).toBeCloseTo(loss, 4);
        const turned = lossOfViews(tf.matMul(a, rotation(angle)), tf.matMul(b, rotation(angle)));
        expect(turned.dataSync()[0]).toBeCloseTo(loss, 4);
      }),
      { numRuns: 30 },
    );
  });

  it('passes gradient to both sides of a score', () => {
    const [a, b] = [seededTensor<tf.Rank.R2>([3, 4], 1), seededTensor<tf.Rank.R2>([3, 4], 2)];
    const grads = tf.grads((x, y) => lossOfViews(x as tf.Tensor2D, y as tf.Tensor2D))([a, b]);
    for (const grad of grads) expect(tf.max(tf.abs(grad)).dataSync()[0]).toBeGreaterThan(1e-3);
  });

  it('has the heads of its sources', () => {
    const names = (head: SimclrOptions['head']) => {
      const { specs } = simclr({ backbone, hidden: 3, head: head! }).networks.projector;
      return Object.keys(specs)
        .filter((name) => !name.includes('norm/'))
        .concat(Object.keys(specs).filter((name) => name.endsWith('gamma')));
    };
    const kernels = ['layer0/kernel', 'layer1/kernel'];
    const norms = ['layer0/norm/gamma', 'layer1/norm/gamma'];
    expect(names('lightly').sort()).toEqual([...kernels, ...norms].sort());
    expect(names('solo').sort()).toEqual([...kernels, 'layer0/bias', 'layer1/bias'].sort());
    expect(names('wmse').sort()).toEqual([...kernels, ...norms, 'layer0/bias', 'layer1/bias'].sort());
  });

  it('has 2n rows in its negative block', () => {
    expect(simclr({ backbone }).info({ batch: 5, side: 8 })).toMatchObject({
      ...{ negativeRows: { global: 10 }, anchorViews: ['view1', 'view2'], momentumTarget: false, dim: 128 },
    });
  });

  it('refuses options out of range', () => {
    expect(() => simclr({ backbone, head: 'mlp' as 'solo', hidden: 0, dim: 1.5, temperature: 0 })).toThrow(
      /head must be one of.*\n.*hidden must be.*\n.*dim must be.*\n.*temperature must be a number > 0/,
    );
  });
});
