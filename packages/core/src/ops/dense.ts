import * as tf from '@tensorflow/tfjs-core';

/**
 * Rows times a matrix, plus a bias:  x W + b  on the last axis.
 *
 * @param x [..., in]. @param kernel [in, out]. @param bias [out].
 */
export function dense<T extends tf.Tensor>(x: T, kernel: tf.Tensor, bias?: tf.Tensor): T {
  const [inputs, outputs] = kernel.shape as [number, number];
  const rows = x.rank === 2 ? x : tf.reshape(x, [x.size / inputs, inputs]);
  const product = tf.matMul(rows as tf.Tensor2D, kernel as tf.Tensor2D);
  const y = bias === undefined ? product : tf.add(product, bias);
  return (x.rank === 2 ? y : tf.reshape(y, [...x.shape.slice(0, -1), outputs])) as T;
}
