import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from './kernels.js';

/**
 * Rows times a matrix, plus a bias:  x W + b  on the last axis.
 *
 * Only x and W are kept for the backward pass; tfjs's own sum would keep the product too.
 *
 * @param x [..., in]. @param kernel [in, out]. @param bias [out].
 */
export function dense<T extends tf.Tensor>(x: T, kernel: tf.Tensor, bias?: tf.Tensor): T {
  const [inputs, outputs] = kernel.shape as [number, number];
  const rows = x.rank === 2 ? x : tf.reshape(x, [x.size / inputs, inputs]);
  const y = bias === undefined ? product(rows, kernel) : withBias(rows, kernel, bias);
  return (x.rank === 2 ? y : tf.reshape(y, [...x.shape.slice(0, -1), outputs])) as T;
}

const product = (a: tf.Tensor, b: tf.Tensor, transposeA = false, transposeB = false): tf.Tensor =>
  tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, transposeA, transposeB);

const withBias = (rows: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
  withGradient([rows, kernel, bias], ([x, w, b], save) => {
    save([x!, w!]);
    return {
      value: tf.add(product(x!, w!), b!),
      gradients: (dy, [input, weight]) => [product(dy, weight!, false, true), product(input!, dy, true), tf.sum(dy, 0)],
    };
  });
