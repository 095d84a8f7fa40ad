import { type Permutation, permuteRows } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Masks of rectangles from their sides: row and column factors multiply.
 *
 * @param sides [2, r, S], rows then columns of each of r rectangles.
 * @returns [r, S, S, 1].
 */
export function rectangleMask(sides: tf.Tensor3D): tf.Tensor4D {
  const [rows, columns] = tf.unstack(sides) as [tf.Tensor2D, tf.Tensor2D];
  const [r, size] = rows.shape;
  return tf.mul(tf.reshape(rows, [r, size, 1, 1]), tf.reshape(columns, [r, 1, size, 1])) as tf.Tensor4D;
}

/**
 * One row for each image: the only rectangle stays as it is (it broadcasts), blocks of images share theirs.
 *
 * @param mask [r, …], r = 1 or a divisor of n.
 */
export function perImage<T extends tf.Tensor>(mask: T, n: number): T {
  const r = mask.shape[0]!;
  if (r === 1 || r === n) return mask;
  const owner = Array.from({ length: n }, (_, i) => Math.floor((i * r) / n));
  return tf.gather(mask, tf.tensor1d(owner, 'int32')) as T;
}

/**
 * Fills the rectangle of each image with the same rectangle of its partner:  x̂_i = (1 − M) x_i + M x_π(i).
 *
 * @param images [n, S, S, 3], normalised. @param mask [1 or n, S, S, 1], 0 or 1: exact copies.
 * Source: arXiv 2111.12309 and its code; spec "regioncl" section 2.2.
 */
export const composeImages = (images: tf.Tensor4D, mask: tf.Tensor4D, partner: Permutation): tf.Tensor4D =>
  tf.add(tf.mul(tf.sub(1, mask), images), tf.mul(mask, permuteRows(images, partner))) as tf.Tensor4D;

/**
 * Mean of a feature map over the cells that count:  Σ m F / Σ m.
 *
 * @param map [n, g, g, c]; gradient reaches it. @param mask [1 or n, g, g, 1], in [0, 1], with a positive sum.
 * @returns [n, c].
 */
export const maskedMean = (map: tf.Tensor4D, mask: tf.Tensor4D): tf.Tensor2D =>
  tf.div(tf.sum(tf.mul(map, mask), [1, 2]), tf.sum(mask, [1, 2])) as tf.Tensor2D;
