import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inversePermutation, permuteRows } from './permutation.js';
import { Rng } from './rng.js';

const permutationOf = (order: Int32Array) => ({
  order: tf.tensor1d(order, 'int32'),
  inverse: tf.tensor1d(inversePermutation(order), 'int32'),
});

describe('inversePermutation', () => {
  it('undoes an order', () => {
    expect(Array.from(inversePermutation([2, 0, 1]))).toEqual([1, 2, 0]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(), (n, seed) => {
        const order = Rng.create(seed).permutation(n);
        const inverse = inversePermutation(order);
        expect(Array.from(order, (row) => inverse[row])).toEqual([...Array(n).keys()]);
      }),
    );
  });
});

describe('permuteRows', () => {
  it('puts row order[i] at place i, for rows of any rank', () => {
    const permutation = permutationOf(Int32Array.of(2, 0, 1));
    expectClose(permuteRows(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]), permutation), [5, 6, 1, 2, 3, 4]);
    expectClose(permuteRows(tf.tensor1d([7, 8, 9]), permutation), [9, 7, 8]);
  });

  it('sends gradients back to where the rows came from', () => {
    const permutation = permutationOf(Int32Array.of(2, 0, 1));
    const weights = seededTensor([3, 2], 1);
    const gradient = tf.grad((x) => tf.sum(tf.mul(weights, permuteRows(x, permutation))))(tf.zeros([3, 2]));
    expectClose(gradient, tf.gather(weights, permutation.inverse));
  });
});
