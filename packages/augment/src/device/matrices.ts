import type { ResizeFilter } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** 0, 1, …, n − 1 in a shape. A constant of a recorded step. */
const indices = (n: number, shape: number[]): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: n }, (_, i) => i),
    shape,
  );

/** 1 where the condition holds, else 0. */
const where = (condition: tf.Tensor): tf.Tensor => tf.cast(condition, 'float32');

/** Column `at` of draws [n, k] as [n, 1, 1]. */
const column = (draws: tf.Tensor2D, at: number): tf.Tensor => tf.reshape(tf.slice(draws, [0, at], [-1, 1]), [-1, 1, 1]);

/**
 * The antialiased resize of one axis as a matrix per image: the triangle or cubic filter (a = −0.5), centred on a + b · i and stretched
 * by max(1, |b|), of the pixels inside the box, with rows that sum to one. A negative b mirrors.
 *
 * @param draws [n, k], of which the columns from `at` on are (first pixel, size, a, b). @returns [n, outputs, inputs].
 */
export function resizeMatrix(
  draws: tf.Tensor2D,
  at: number,
  outputs: number,
  inputs: number,
  filter: ResizeFilter,
): tf.Tensor3D {
  const [first, size, a, b] = [0, 1, 2, 3].map((i) => column(draws, at + i)) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const position = tf.sub(tf.add(indices(inputs, [1, 1, inputs]), 0.5), first); // in the box
  const centre = tf.add(a, tf.mul(b, indices(outputs, [1, outputs, 1])));
  const distance = tf.div(tf.abs(tf.sub(position, centre)), tf.maximum(tf.abs(b), 1));
  const inside = where(tf.logicalAnd(tf.greater(position, 0), tf.less(position, size)));
  const weights = tf.mul(filter === 'bicubic' ? cubic(distance) : tf.relu(tf.sub(1, distance)), inside);
  return tf.div(weights, tf.sum(weights, 2, true));
}

function cubic(x: tf.Tensor): tf.Tensor {
  const near = tf.add(tf.mul(tf.sub(tf.mul(x, 1.5), 2.5), tf.square(x)), 1);
  const far = tf.mul(tf.sub(tf.mul(tf.add(tf.mul(tf.sub(x, 5), x), 8), x), 4), -0.5);
  return tf.where(tf.less(x, 1), near, tf.mul(far, where(tf.less(x, 2))));
}

/**
 * The Gaussian blur of one axis with reflected borders as a matrix per image: pixel j adds to output i from its own place and from its
 * two mirror images −j and 2 (size − 1) − j.
 *
 * @param draws [n, k], of which the columns from `at` on are (1 / 2σ², radius, centre weight). @param size of each image, [n, 1, 1], at
 * most `pixels`; what lies behind it is not seen. @returns [n, pixels, pixels].
 */
export function blurMatrix(draws: tf.Tensor2D, at: number, pixels: number, size: tf.Tensor): tf.Tensor3D {
  const [sharpness, radius, centre] = [0, 1, 2].map((i) => column(draws, at + i)) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const [i, j] = [indices(pixels, [1, pixels, 1]), indices(pixels, [1, 1, pixels])];
  const last = tf.sub(size, 1);
  const weight = (distance: tf.Tensor, isThere: tf.Tensor) => {
    const gauss = tf.exp(tf.neg(tf.mul(tf.square(distance), sharpness)));
    return tf.mul(tf.mul(gauss, centre), where(tf.logicalAnd(tf.lessEqual(tf.abs(distance), radius), isThere)));
  };
  const own = weight(tf.sub(i, j), tf.lessEqual(j, last));
  const before = weight(tf.add(i, j), tf.greater(j, 0));
  const behind = weight(tf.sub(tf.mul(last, 2), tf.add(i, j)), tf.less(j, last));
  return tf.add(own, tf.add(before, behind));
}
