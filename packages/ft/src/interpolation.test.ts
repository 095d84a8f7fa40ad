import { inversePermutation, type Permutation } from '@contrastive/core';
import { expectClose, expectGradients, seededRows } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mixMask, mixRows } from './interpolation.js';

const permutation = (order: readonly number[]): Permutation => ({
  order: tf.tensor1d([...order], 'int32'),
  inverse: tf.tensor1d(inversePermutation(order), 'int32'),
});
const orders = (m: number) => fc.shuffledSubarray([...Array(m).keys()], { minLength: m });
const unitInterval = fc.double({ min: 0, max: 1, noNaN: true });
const seeds = fc.integer({ min: 0, max: 10_000 });
const runs = { numRuns: 40 };

describe('mixRows', () => {
  it('gives the worked example E1 of spec "ft"', () => {
    const queue = tf.tensor2d([0, 1, -1, 0, 0.6, -0.8], [3, 2]);
    const mixed = mixRows(queue, tf.scalar(0.25), permutation([1, 2, 0]));
    expectClose(mixed, [-0.75, 0.25, 0.2, -0.6, 0.15, 0.55]);
  });

  it('gives the element-wise worked example E2', () => {
    const queue = tf.tensor2d([1, 0, 0, 0, 0.6, 0.8, 0, -1, 0], [3, 3]);
    const mask = tf.tensor2d([0.1, 0.5, 0.9, 0.3, 0.3, 0.3, 0.8, 0.2, 0.6], [3, 3]);
    const mixed = mixRows(queue, mask, permutation([2, 0, 1]));
    expectClose(mixed, [0.1, -0.5, 0, 0.7, 0.18, 0.24, 0, 0.28, 0.32]);
  });

  it('keeps column sums and the unit ball with one factor', () => {
    fc.assert(
      fc.property(seeds, unitInterval, orders(8), (seed, lambda, order) => {
        const rows = seededRows(8, 4, seed);
        const mixed = mixRows(rows, tf.scalar(lambda), permutation(order));
        expectClose(tf.sum(mixed, 0), tf.sum(rows, 0), { abs: 1e-5 });
        expect(Math.max(...tf.norm(mixed, 2, 1).dataSync())).toBeLessThanOrEqual(1 + 1e-6);
      }),
      runs,
    );
  });

  it('keeps norms below √2 with a factor per element', () => {
    fc.assert(
      fc.property(seeds, orders(8), (seed, order) => {
        const mask = tf.tidy(() => tf.abs(seededRows(8, 4, seed + 5)));
        const mixed = mixRows(seededRows(8, 4, seed), mask, permutation(order));
        expect(Math.max(...tf.norm(mixed, 2, 1).dataSync())).toBeLessThanOrEqual(Math.SQRT2 + 1e-6);
      }),
      runs,
    );
  });

  it('scores as mixed scores: two products or one', () => {
    fc.assert(
      fc.property(seeds, unitInterval, orders(8), (seed, lambda, order) => {
        const [rows, anchors, sigma] = [seededRows(8, 4, seed), seededRows(3, 4, seed + 1), permutation(order)];
        const score = (r: tf.Tensor2D) => tf.matMul(anchors, r, false, true);
        const plain = score(rows);
        const mixedScores = tf.add(tf.mul(lambda, plain), tf.mul(1 - lambda, tf.gather(plain, sigma.order, 1)));
        expectClose(score(mixRows(rows, tf.scalar(lambda), sigma)), mixedScores, { abs: 1e-5 });
      }),
      runs,
    );
  });

  it('keeps the mean of each anchor’s scores and never raises their variance', () => {
    fc.assert(
      fc.property(seeds, unitInterval, orders(8), (seed, lambda, order) => {
        const [rows, anchors] = [seededRows(8, 4, seed), seededRows(3, 4, seed + 1)];
        const moments = (r: tf.Tensor2D) => tf.moments(tf.matMul(anchors, r, false, true), 1);
        const [before, after] = [moments(rows), moments(mixRows(rows, tf.scalar(lambda), permutation(order)))];
        expectClose(after.mean, before.mean, { abs: 1e-5 });
        const drop = tf.sub(before.variance, after.variance);
        expect(Math.min(...drop.dataSync())).toBeGreaterThanOrEqual(-1e-5);
      }),
      runs,
    );
  });

  it('scales the variance by about λ² + (1 − λ)² on average over permutations', () => {
    const rows = seededRows(64, 16, 3);
    const anchor = seededRows(1, 16, 4);
    const variance = (r: tf.Tensor2D) => tf.moments(tf.matMul(r, anchor, false, true)).variance.dataSync()[0]!;
    const lambda = 0.3;
    let sum = 0;
    const draws = 200;
    fc.assert(
      fc.property(orders(64), (order) => {
        sum += tf.tidy(() => variance(mixRows(rows, tf.scalar(lambda), permutation(order)))) / draws;
      }),
      { numRuns: draws, seed: 1 },
    );
    // E cov(x_j, x_σ(j)) = −0 + O(1/m): one part in 63 of the variance at most.
    expect(sum / variance(rows)).toBeCloseTo(lambda ** 2 + (1 - lambda) ** 2, 1);
  });

  it('gives the rows themselves at λ = 1, the permuted ones at λ = 0 and the same for no permutation', () => {
    const rows = seededRows(5, 3, 1);
    const sigma = permutation([3, 0, 4, 1, 2]);
    expect(mixRows(rows, tf.scalar(1), sigma).dataSync()).toEqual(rows.dataSync());
    expectClose(mixRows(rows, tf.scalar(0), sigma), tf.gather(rows, sigma.order));
    expectClose(mixRows(rows, tf.scalar(0.4), permutation([0, 1, 2, 3, 4])), rows);
  });

  it('passes gradient to live rows', () => {
    const sigma = permutation([2, 0, 3, 1]);
    const weights = seededRows(4, 3, 8);
    const lambda = tf.tensor2d([[0.3], [0.6], [0.9], [0.1]]);
    expectGradients(
      (rows) => tf.sum(tf.mul(weights, mixRows(rows as tf.Tensor2D, lambda, sigma))),
      [seededRows(4, 3, 9)],
    );
  });
});

describe('mixMask', () => {
  it('hides a mixed row if one of its two rows is hidden', () => {
    const mask = tf.tensor2d([0, 1, 1, 1], [1, 4]);
    expect(Array.from(mixMask(mask, permutation([1, 2, 0, 3])).dataSync())).toEqual([0, 1, 0, 1]);
  });
});
