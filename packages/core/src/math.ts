import * as tf from '@tensorflow/tfjs-core';
import { logSumExpOf } from './log-sum-exp.js';
import { stopGradient } from './stop-gradient.js';

const MIN_NORM = 1e-12;

/**
 * Unit rows along the last axis:  x / max(‖x‖₂, 1e-12)  (spec "hosts" section 1; PyTorch's `normalize`).
 *
 * Gradient: (dy − y (y·dy)) / ‖x‖. A row of zeros stays zero and gets the gradient dy · 1e12, as in PyTorch, never NaN.
 */
export function unit<T extends tf.Tensor>(x: T): T {
  const op = tf.customGrad((input, save) => {
    const rows = input as tf.Tensor;
    const norm = tf.sqrt(tf.sum(tf.square(rows), -1, true));
    const scale = tf.maximum(norm, MIN_NORM);
    const value = tf.div(rows, scale);
    (save as tf.GradSaveFunc)([value, norm]);
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => unitGradient(dy, saved[0]!, saved[1]!) };
  });
  return op(x) as T;
}

function unitGradient(dy: tf.Tensor, y: tf.Tensor, norm: tf.Tensor): tf.Tensor {
  // Where the norm was clamped the scale is a constant, so that nothing is projected out.
  const isClamped = tf.less(norm, MIN_NORM);
  const along = tf.where(isClamped, tf.zerosLike(norm), tf.sum(tf.mul(y, dy), -1, true));
  return tf.div(tf.sub(dy, tf.mul(y, along)), tf.maximum(norm, MIN_NORM));
}

/**
 * log Σ_j exp(x_ij) over the candidates of each row, [n], max-shifted: exact for any finite x. Gradient: the softmax.
 *
 * @param x [n, m]. @param mask [n, m], 1 = counts, 0 = hidden. A row with everything hidden gives about −1e9.
 */
export const logSumExp = (x: tf.Tensor2D, mask?: tf.Tensor2D): tf.Tensor1D => logSumExpOf([x], 1, [mask]);

/**
 * x − logSumExp(x) for each row, [n, m]: logarithms of the softmax. Hidden candidates (mask 0) take no part in the sum; their own
 * entries mean nothing.
 */
export function logSoftmax(x: tf.Tensor2D, mask?: tf.Tensor2D): tf.Tensor2D {
  // Below a constant that cancels, so that an entry near 0 is not the difference of two large numbers.
  const highest = stopGradient(tf.max(mask === undefined ? x : tf.where(tf.cast(mask, 'bool'), x, -1e9), 1, true));
  const below = tf.sub(x, highest) as tf.Tensor2D;
  return tf.sub(below, tf.expandDims(logSumExp(below, mask), 1)) as tf.Tensor2D;
}
