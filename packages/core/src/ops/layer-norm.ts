import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from './kernels.js';

/**
 * Layer normalisation over the last axis:  y = γ (x − μ) / √(σ² + ε) + β,  with the mean and biased variance of each row.
 *
 * Gradient reaches x, γ and β; only the normalised rows and 1/σ are kept for it.
 *
 * @param x [..., d]. @param gamma [d]. @param beta [d].
 * @param epsilon default 1e-6 (vision transformers, spec "hosts" section 2; PyTorch's layer default is 1e-5).
 */
export const layerNormalization = <T extends tf.Tensor>(x: T, gamma: tf.Tensor, beta: tf.Tensor, epsilon = 1e-6): T =>
  withGradient([x, gamma, beta], ([input, scale, shift], save) => {
    const centred = tf.sub(input!, tf.mean(input!, -1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
    const unit = tf.mul(centred, inverse);
    save([unit, inverse, scale!]);
    return { value: tf.add(tf.mul(unit, scale!), shift!), gradients };
  }) as T;

function gradients(dy: tf.Tensor, [unit, inverse, gamma]: readonly tf.Tensor[]): tf.Tensor[] {
  const leading = dy.shape.slice(0, -1).map((_, axis) => axis);
  const g = tf.mul(dy, gamma!);
  const along = tf.mul(unit!, tf.mean(tf.mul(g, unit!), -1, true));
  const dx = tf.mul(tf.sub(tf.sub(g, tf.mean(g, -1, true)), along), inverse!);
  return [dx, tf.sum(tf.mul(dy, unit!), leading), tf.sum(dy, leading)];
}
