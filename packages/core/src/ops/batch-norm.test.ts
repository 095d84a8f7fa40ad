import { expectClose, expectGradients, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchNormalization } from './batch-norm.js';

const TRAIN = { training: true, updateStats: true };
const STILL = { training: true, updateStats: false };
const EVAL = { training: false, updateStats: false };

const weightsOf = (channels: number) => ({
  gamma: tf.add(1, tf.mul(0.1, seededTensor([channels], 7))),
  beta: seededTensor([channels], 8),
  mean: tf.variable(tf.zeros([channels])),
  variance: tf.variable(tf.ones([channels])),
});

describe('batchNormalization', () => {
  test('normalises by the biased variance and moves the running variance by the unbiased one', () => {
    const weights = { ...weightsOf(1), gamma: tf.tensor([1]), beta: tf.tensor([0]) };
    const y = batchNormalization(tf.tensor2d([[1], [3]]), weights, TRAIN);
    // mean 2, biased variance 1, unbiased 2; running: 0.9 · 0 + 0.1 · 2 and 0.9 · 1 + 0.1 · 2
    expectClose(y, [-1 / Math.sqrt(1 + 1e-5), 1 / Math.sqrt(1 + 1e-5)]);
    expectClose(weights.mean, [0.2]);
    expectClose(weights.variance, [1.1]);
  });

  test('uses running statistics outside training and assigns nothing', () => {
    const weights = { ...weightsOf(1), gamma: tf.tensor([2]), beta: tf.tensor([5]) };
    weights.mean.assign(tf.tensor([1]));
    weights.variance.assign(tf.tensor([4]));
    const y = batchNormalization(tf.tensor2d([[1], [3]]), weights, EVAL);
    expectClose(y, [5, 5 + (2 * 2) / Math.sqrt(4 + 1e-5)]);
    expectClose(weights.mean, [1]);
  });

  test('leaves running statistics alone when the pass does not update them', () => {
    const weights = weightsOf(3);
    batchNormalization(seededTensor([4, 2, 2, 3], 1), weights, STILL);
    expectClose(weights.mean, [0, 0, 0]);
    expectClose(weights.variance, [1, 1, 1]);
  });

  test.each([
    { shape: [6, 3], splits: 1 },
    { shape: [6, 3], splits: 2 },
    { shape: [4, 2, 2, 3], splits: 1 },
    { shape: [4, 2, 2, 3], splits: 2 },
  ])('has the gradients of its formula: $shape in $splits sub-batch(es)', ({ shape, splits }) => {
    const { gamma, beta, ...running } = weightsOf(3);
    const upstream = seededTensor(shape as [number, number], 3);
    const f = (x: tf.Tensor, g: tf.Tensor, b: tf.Tensor) =>
      tf.sum(tf.mul(batchNormalization(x, { gamma: g, beta: b, ...running }, STILL, { splits }), upstream));
    expectGradients(f as (...xs: tf.Tensor[]) => tf.Tensor, [seededTensor(shape as [number, number], 2), gamma, beta]);
  });

  test('without γ and β has the gradient that γ = 1 and β = 0 have', () => {
    const { mean, variance } = weightsOf(3);
    const x = seededTensor<tf.Rank.R2>([5, 3], 4);
    const upstream = seededTensor([5, 3], 5);
    const gradient = (affine: object) =>
      tf.grad((t: tf.Tensor) => tf.sum(tf.mul(batchNormalization(t, { ...affine, mean, variance }, STILL), upstream)))(
        x,
      );
    expectClose(gradient({}), gradient({ gamma: tf.ones([3]), beta: tf.zeros([3]) }));
  });

  test('gives sample n to sub-batch n mod splits', () => {
    const weights = weightsOf(2);
    const x = seededTensor<tf.Rank.R4>([6, 2, 2, 2], 6);
    const y = batchNormalization(x, weights, STILL, { splits: 3 });
    for (let split = 0; split < 3; split++) {
      const rows = tf.tensor1d([split, split + 3], 'int32');
      expectClose(tf.gather(y, rows), batchNormalization(tf.gather(x, rows), weights, STILL));
    }
  });

  test('with one sub-batch is batch norm, and running statistics are means over sub-batches', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(1, 2, 4), (seed, splits) => {
        const x = seededTensor<tf.Rank.R2>([8, 2], seed);
        const [joint, split] = [weightsOf(2), weightsOf(2)];
        const a = batchNormalization(x, joint, TRAIN);
        const b = batchNormalization(x, split, TRAIN, { splits });
        if (splits === 1) expectClose(a, b);
        expectClose(split.mean, joint.mean); // equal sub-batches: the mean of means is the mean
      }),
      { numRuns: 10 },
    );
  });

  test('permutes with its batch: shuffle and unshuffle is the identity over the full batch', () => {
    const weights = weightsOf(2);
    const x = seededTensor<tf.Rank.R2>([4, 2], 9);
    const [order, inverse] = [tf.tensor1d([2, 0, 3, 1], 'int32'), tf.tensor1d([1, 3, 0, 2], 'int32')];
    const shuffled = tf.gather(batchNormalization(tf.gather(x, order), weights, STILL), inverse);
    expectClose(shuffled, batchNormalization(x, weights, STILL));
  });

  test('refuses a batch without a variance', () => {
    expect(() => batchNormalization(tf.ones([1, 2]), weightsOf(2), TRAIN)).toThrow(/one value per channel/);
    expect(() => batchNormalization(tf.ones([2, 2]), weightsOf(2), TRAIN, { splits: 2 })).toThrow(/one value/);
  });

  test('refuses sub-batches that do not divide the batch', () => {
    expect(() => batchNormalization(tf.ones([5, 2]), weightsOf(2), TRAIN, { splits: 2 })).toThrow(
      /5 samples do not divide into 2/,
    );
  });
});
