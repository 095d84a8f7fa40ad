import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernel, withGradient } from './kernels.js';

/**
 * max(x, 0). Its gradient reads the output, so that the input need not be kept for the backward pass: dx = dy where y > 0, else 0.
 */
export const relu = <T extends tf.Tensor>(x: T): T =>
  withGradient([x], ([input], save) => {
    const value = tf.relu(input!);
    save([value]);
    return { value, gradients: (dy, [y]) => [reluGradient(dy, y!)] };
  }) as T;

const reluGradient = (dy: tf.Tensor, y: tf.Tensor): tf.Tensor =>
  hasKernel('ReluGrad') ? runKernel('ReluGrad', { dy, y }) : tf.mul(dy, tf.step(y));

/** Φ(x), the distribution function of the standard normal. */
const normalCdf = (x: tf.Tensor): tf.Tensor => tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);

/**
 * GELU in its exact form  x Φ(x) = x (1 + erf(x / √2)) / 2  (Hendrycks and Gimpel 2016), as in PyTorch and timm; the tanh
 * approximation differs by up to 5e-4. Gradient: Φ(x) + x φ(x).
 */
export const gelu = <T extends tf.Tensor>(x: T): T =>
  withGradient([x], ([input], save) => {
    save([input!]);
    return { value: tf.mul(input!, normalCdf(input!)), gradients: (dy, [z]) => [tf.mul(dy, geluSlope(z!))] };
  }) as T;

function geluSlope(x: tf.Tensor): tf.Tensor {
  const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return tf.add(normalCdf(x), tf.mul(x, density));
}
