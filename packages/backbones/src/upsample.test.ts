import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { upsample } from './upsample.js';

describe('upsample', () => {
  test('places cell centres at half steps and repeats the edge', () => {
    // PyTorch: interpolate([[0, 1], [2, 3]], scale_factor=2, mode='bilinear')
    const map = tf.tensor4d([0, 1, 2, 3], [1, 2, 2, 1]);
    const row = [0, 0.25, 0.75, 1];
    expectClose(
      upsample(map, 4),
      [0, 0.5, 1.5, 2].flatMap((y) => row.map((x) => x + y)),
    );
  });

  test('repeats a single cell, and leaves a map of that size alone', () => {
    expectClose(upsample(tf.tensor4d([3, 5], [1, 1, 1, 2]), 2), [3, 5, 3, 5, 3, 5, 3, 5]);
    const map = seededTensor<tf.Rank.R4>([2, 3, 3, 2], 1);
    expect(upsample(map, 3)).toBe(map);
  });

  test.each([
    [2, 4],
    [3, 9],
    [4, 8],
  ])('keeps the mean from %i to %i cells, and gives every cell the same share of the gradient', (g, side) => {
    const map = seededTensor<tf.Rank.R4>([2, g, g, 3], 5);
    expectClose(tf.mean(upsample(map, side), [1, 2]), Array.from(tf.mean(map, [1, 2]).dataSync()));
    const gradient = tf.grad((x) => tf.sum(upsample(x as tf.Tensor4D, side)))(map);
    expectClose(gradient, new Array<number>(map.size).fill((side / g) ** 2), { rel: 1e-4 });
  });
});
