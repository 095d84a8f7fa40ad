import { stopGradient } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** A pair of rows that belong together, [n, d] each. */
export interface Pair {
  readonly anchor: tf.Tensor2D;
  readonly positive: tf.Tensor2D;
}

/**
 * Moves both ends of a pair along their chord:  q̂ = λ q + (1 − λ) k,  k̂ = λ k + (1 − λ) q,  both from the unmoved q and k.
 *
 * λ > 1 pushes them apart: for unit rows and scalar λ the score becomes  A s − (A − 1),  A = 1 + 2λ(λ − 1), and
 * ‖q̂‖² = 1 + (A − 1)(1 − s) ≥ 1 (nothing is normalised). λ in [0, 1] pulls them together.
 * Gradient reaches the anchor through q̂ *and* k̂.
 *
 * @param lambda [1, 1], [n, 1], [1, d] or [n, d].
 * @param options.detachPositive cuts the gradient to the anchor through k̂. Default false.
 * @example pushApart({ anchor: [[1, 0]], positive: [[0.8, 0.6]] }, 1.5) // [[1.1, −0.3]], [[0.7, 0.9]]; score 0.8 → 0.5
 * Source: arXiv 2108.02982 and its code; spec "ft" section 2.2.
 */
export function pushApart(
  { anchor, positive }: Pair,
  lambda: tf.Tensor,
  { detachPositive = false }: { readonly detachPositive?: boolean } = {},
): Pair {
  const rest = tf.sub(1, lambda);
  const blend = (own: tf.Tensor2D, other: tf.Tensor2D) =>
    tf.add(tf.mul(lambda, own), tf.mul(rest, other)) as tf.Tensor2D;
  return {
    anchor: blend(anchor, positive),
    positive: blend(positive, detachPositive ? stopGradient(anchor) : anchor),
  };
}
