import { type Permutation, permuteRows } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Mixes each row with another one:  Q̂_j = λ Q_j + (1 − λ) Q_σ(j).  Nothing is normalised, so orthogonal rows shrink.
 *
 * By linearity the scores mix likewise: q·Q̂_j = λ q·Q_j + (1 − λ) q·Q_σ(j). Mixing the m rows costs m d multiplications, less than
 * mixing the n × m scores as soon as n > d.
 *
 * @param rows [m, d]; gradient reaches them if they are live (in-batch negatives).
 * @param lambda [1, 1], [m, 1], [1, d] or [m, d].
 * @example mixRows([[0, 1], [−1, 0], [0.6, −0.8]], 0.25, { order: [1, 2, 0] }) // [[−0.75, 0.25], [0.2, −0.6], [0.15, 0.55]]
 * Source: arXiv 2108.02982 and its code; spec "ft" section 2.3.
 */
export function mixRows(rows: tf.Tensor2D, lambda: tf.Tensor, permutation: Permutation): tf.Tensor2D {
  return tf.add(tf.mul(lambda, rows), tf.mul(tf.sub(1, lambda), permuteRows(rows, permutation))) as tf.Tensor2D;
}

/** A mixed row counts for an anchor only if both rows it is made of do:  mask_ij · mask_iσ(j).  [n, m]. */
export const mixMask = (mask: tf.Tensor2D, { order }: Permutation): tf.Tensor2D =>
  tf.mul(mask, tf.gather(mask, order, 1)) as tf.Tensor2D;
