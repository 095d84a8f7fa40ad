import { inversePermutation, type Permutation } from '@contrastive/core';
import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { composeImages, maskedMean, perImage, rectangleMask } from './compose-images.js';

const permutation = (...order: number[]): Permutation => ({
  order: tf.tensor1d(order, 'int32'),
  inverse: tf.tensor1d(inversePermutation(order), 'int32'),
});
/** [1, S, S, 1] with ones at rows [y, y + h), columns [x, x + w). */
function mask(size: number, [y, x, h, w]: readonly [number, number, number, number]): tf.Tensor4D {
  const side = (start: number, length: number) =>
    Array.from({ length: size }, (_, i) => +(i >= start && i < start + length));
  return rectangleMask(tf.tensor3d([...side(y, h), ...side(x, w)], [2, 1, size]));
}
const values = (t: tf.Tensor) => Array.from(t.dataSync());

describe('composeImages', () => {
  it('gives the worked example 7.1 of spec "regioncl"', () => {
    const count = (from: number) => Array.from({ length: 16 }, (_, i) => from + i);
    const images = tf.tensor4d([...count(0), ...count(100)], [2, 4, 4, 1]);
    const composed = composeImages(images, mask(4, [2, 0, 2, 2]), permutation(1, 0));
    expect(values(composed)).toEqual([
      ...[0, 1, 2, 3, 4, 5, 6, 7, 108, 109, 10, 11, 112, 113, 14, 15],
      ...[100, 101, 102, 103, 104, 105, 106, 107, 8, 9, 110, 111, 12, 13, 114, 115],
    ]);
  });

  it('restores the images when done twice with partners that are each other’s', () => {
    const images = seededTensor<tf.Rank.R4>([4, 6, 6, 3], 1);
    const box = mask(6, [1, 2, 3, 2]);
    const reverse = permutation(3, 2, 1, 0);
    expect(values(composeImages(composeImages(images, box, reverse), box, reverse))).toEqual(values(images));
  });

  it('takes a rectangle of each image’s own', () => {
    const images = seededTensor<tf.Rank.R4>([2, 2, 2, 1], 1);
    const own = tf.concat([mask(2, [0, 0, 1, 2]), mask(2, [1, 0, 1, 1])]) as tf.Tensor4D;
    const [a, b] = [values(images).slice(0, 4), values(images).slice(4)];
    expect(values(composeImages(images, own, permutation(1, 0)))).toEqual([
      b[0],
      b[1],
      a[2],
      a[3],
      b[0],
      b[1],
      a[2],
      b[3],
    ]);
  });
});

describe('perImage', () => {
  it('repeats a block’s rectangle for its images and leaves a single one alone', () => {
    const masks = tf.tensor4d([1, 2], [2, 1, 1, 1]);
    expect(values(perImage(masks, 4))).toEqual([1, 1, 2, 2]);
    expect(perImage(tf.ones([1, 2, 2, 1]), 4).shape).toEqual([1, 2, 2, 1]);
    expect(perImage(masks, 2)).toBe(masks);
  });
});

describe('maskedMean', () => {
  const cells = Array.from({ length: 16 }, (_, n) => [n, ((7 * n) % 16) / 10]).flat();
  const map = tf.tensor4d(cells, [1, 4, 4, 2]);

  it.each([
    [
      [1, 1, 2, 2],
      [7.5, 0.85],
      [7.5, 0.716667],
    ],
    [
      [1, 1, 2, 3],
      [8, 0.8],
      [7.2, 0.72],
    ],
    [
      [0, 0, 1, 1],
      [0, 0],
      [8, 0.8],
    ],
  ] as const)('gives the worked example 7.2 of spec "regioncl" for %j', (box, paste, canvas) => {
    const inside = mask(4, box);
    expectClose(maskedMean(map, inside), paste);
    expectClose(maskedMean(map, tf.sub(1, inside) as tf.Tensor4D), canvas);
  });

  it('splits the sum: A · paste + (G² − A) · canvas = Σ F, with soft masks too', () => {
    const random = seededTensor<tf.Rank.R4>([3, 5, 5, 4], 2);
    const sides = tf.tensor3d([0, 0.4, 1, 0.6, 0, 0.2, 1, 1, 0, 0], [2, 1, 5]);
    const inside = rectangleMask(sides);
    const outside = tf.sub(1, inside) as tf.Tensor4D;
    const parts = [inside, outside].map((m) => tf.mul(tf.sum(m), maskedMean(random, m)));
    expectClose(tf.addN(parts), tf.sum(random, [1, 2]), { abs: 1e-5 });
  });
});
