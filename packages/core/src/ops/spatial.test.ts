import { expectClose, expectGradients, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { conv2d, globalAveragePool, maxPool } from './spatial.js';

/** Convolution by its definition, zeros outside. */
function slowConv(x: tf.Tensor4D, kernel: tf.Tensor4D, stride: number, padding: number): number[] {
  const [image, weight] = [x.arraySync(), kernel.arraySync()];
  const [k, , , outputs] = kernel.shape;
  const side = Math.floor((x.shape[1] + 2 * padding - k) / stride) + 1;
  const values: number[] = [];
  for (const sample of image)
    for (let i = 0; i < side; i++)
      for (let j = 0; j < side; j++)
        for (let o = 0; o < outputs; o++) {
          let sum = 0;
          for (let a = 0; a < k; a++)
            for (let b = 0; b < k; b++) {
              const cell = sample[i * stride + a - padding]?.[j * stride + b - padding] ?? [];
              for (const [c, v] of cell.entries()) sum += v * weight[a]![b]![c]![o]!;
            }
          values.push(sum);
        }
  return values;
}

const CASES = [
  { side: 5, size: 3, stride: 1, padding: 1 },
  { side: 6, size: 3, stride: 2, padding: 1 },
  { side: 5, size: 3, stride: 2, padding: 1 },
  { side: 5, size: 3, stride: 1, padding: 2 },
  { side: 8, size: 7, stride: 2, padding: 3 },
  { side: 6, size: 1, stride: 2, padding: 0 },
  { side: 5, size: 1, stride: 2, padding: 0 },
  { side: 4, size: 2, stride: 2, padding: 0 },
];

describe('conv2d', () => {
  test.each(CASES)('pads all sides alike: %o', ({ side, size, stride, padding }) => {
    const x = seededTensor<tf.Rank.R4>([2, side, side, 2], 1);
    const kernel = seededTensor<tf.Rank.R4>([size, size, 2, 3], 2);
    expectClose(conv2d(x, kernel, { stride, padding }), slowConv(x, kernel, stride, padding));
  });

  test.each(CASES.slice(0, 6))('has the gradients of its formula: %o', ({ side, size, stride, padding }) => {
    const f = (x: tf.Tensor, kernel: tf.Tensor) =>
      tf.sum(tf.square(conv2d(x as tf.Tensor4D, kernel, { stride, padding })));
    const xs = [tf.mul(seededTensor([1, side, side, 2], 3), 0.3), tf.mul(seededTensor([size, size, 2, 2], 4), 0.3)];
    expectGradients(f as (...args: tf.Tensor[]) => tf.Tensor, xs);
  });
});

describe('maxPool', () => {
  test('never chooses its padding, whatever the sign', () => {
    const x = tf.tensor4d([-1, -2, -3, -4], [1, 2, 2, 1]);
    expectClose(maxPool(x), [-1]);
  });

  test('gives the window’s gradient to its largest cell', () => {
    const x = tf.tensor4d(
      Array.from({ length: 16 }, (_, i) => i),
      [1, 4, 4, 1],
    );
    const y = maxPool(x);
    expect(y.shape).toEqual([1, 2, 2, 1]);
    expectClose(y, [5, 7, 13, 15]);
    const dx = tf.grad((t: tf.Tensor) => maxPool(t as tf.Tensor4D))(x, tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]));
    expectClose(dx, [0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4]);
  });
});

test('globalAveragePool is the mean over cells, and shares its gradient among them', () => {
  const x = seededTensor<tf.Rank.R4>([2, 2, 3, 4], 5);
  expectClose(globalAveragePool(x), tf.mean(x, [1, 2]));
  const dx = tf.grad((t: tf.Tensor) => globalAveragePool(t as tf.Tensor4D))(x, tf.mul(tf.ones([2, 4]), 6));
  expectClose(dx, tf.ones([2, 2, 3, 4]));
});
