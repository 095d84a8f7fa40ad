import { expectClose, seededTensor, tinyBackbone } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { feed, lossOf } from '../test/feed.js';
import { circle } from '../test/rows.js';
import { type SimsiamOptions, simsiam } from './simsiam.js';

const backbone = tinyBackbone();
const host = simsiam({ backbone, dim: 2 });

describe('simsiam', () => {
  it('gives −cos of the worked angle', () => {
    const side = { projection: circle(0, 90), prediction: circle(10, 100) };
    const loss = lossOf(host, { online: { view1: side, view2: side } });
    expect(loss.dataSync()[0]).toBeCloseTo(-0.984808, 6);
  });

  it('is −1 for equal directions and 1 for opposite ones', () => {
    const loss = (angle: number) => {
      const side = { projection: circle(20, 70), prediction: circle(20 + angle, 70 + angle) };
      return lossOf(host, { online: { view1: side, view2: side } }).dataSync()[0];
    };
    expect(loss(0)).toBeCloseTo(-1, 5);
    expect(loss(180)).toBeCloseTo(1, 5);
  });

  it('passes gradient to z through the prediction only, as if the other side were a constant', () => {
    const own = simsiam({ backbone, dim: 3 });
    const kernel = seededTensor<tf.Rank.R2>([3, 3], 7);
    const z = [seededTensor<tf.Rank.R2>([4, 3], 1), seededTensor<tf.Rank.R2>([4, 3], 2)] as const;
    const predicted = (rows: tf.Tensor) => ({
      projection: rows as tf.Tensor2D,
      prediction: tf.matMul(rows as tf.Tensor2D, kernel) as tf.Tensor2D,
    });
    const live = (z1: tf.Tensor, z2: tf.Tensor) =>
      lossOf(own, { online: { view1: predicted(z1), view2: predicted(z2) } });
    const constant = (z1: tf.Tensor, z2: tf.Tensor) =>
      lossOf(own, {
        online: { view1: predicted(z1), view2: predicted(z2) },
        target: { view1: { projection: z[0] }, view2: { projection: z[1] } },
      });
    const [a, b] = [tf.grads(live)([...z]), tf.grads(constant)([...z])];
    for (const [i, grad] of b.entries()) expectClose(a[i]!, grad);
    expect(tf.max(tf.abs(a[0]!)).dataSync()[0]).toBeGreaterThan(1e-3);
  });

  it('shows a collapse as a standard deviation of 0', () => {
    const std = (rows: tf.Tensor2D) => {
      const io = feed({ online: { view1: { projection: rows }, view2: { projection: rows } } });
      return host.observe!(io).std!.dataSync()[0];
    };
    expect(std(circle(40, 40, 40))).toBeCloseTo(0, 4);
    expect(std(circle(0, 90, 180, 270))).toBeCloseTo(Math.SQRT1_2, 5); // 1/√2, the most for d = 2
  });

  it('freezes the bias before a batch norm without shift, and holds the rate of the predictor', () => {
    const specs = (options: Partial<SimsiamOptions>, part: 'projector' | 'predictor') =>
      simsiam({ backbone, dim: 4, predictorHidden: 3, ...options }).networks[part]!.specs;
    const projector = specs({}, 'projector');
    expect(projector['layer2/bias']).toMatchObject({ frozen: true });
    expect(Object.keys(projector)).not.toContain('layer2/norm/gamma');
    expect(projector['layer0/kernel']!.shape).toEqual([6, 6]);
    const two = specs({ layers: 2, hidden: 5, lastNorm: 'affine' }, 'projector');
    expect(Object.keys(two)).toContain('layer1/norm/gamma');
    expect(Object.keys(two)).not.toContain('layer1/bias');
    expect(two['layer0/kernel']!.shape).toEqual([6, 5]);
    const constant = (options: Partial<SimsiamOptions>) =>
      Object.values(specs(options, 'predictor')).every((spec) => spec.constantLr === true);
    expect(constant({})).toBe(true);
    expect(constant({ fixPredictorRate: false })).toBe(false);
  });

  it('refuses options out of range', () => {
    expect(() => simsiam({ backbone, layers: 4 as 3, hidden: -1, dim: 0, lastNorm: 'none' as 'plain' })).toThrow(
      /layers must be one of 2, 3.*\n.*hidden.*\n.*dim.*\n.*lastNorm must be one of/,
    );
  });
});
