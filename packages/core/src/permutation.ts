import * as tf from '@tensorflow/tfjs-core';

/** A permutation of n rows and its inverse, int32 [n] each. */
export interface Permutation {
  readonly order: tf.Tensor1D;
  readonly inverse: tf.Tensor1D;
}

/**
 * Row `order[i]` at place i, for `rows` [n, …].
 *
 * The gradient is a gather by the inverse: cheaper than the scatter of `tf.gather`, and every backend has it.
 */
export function permuteRows<T extends tf.Tensor>(rows: T, { order, inverse }: Permutation): T {
  const op = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => tf.gather(dy, saved[0] as tf.Tensor1D);
    return { value: tf.gather(x as tf.Tensor, order), gradFunc };
  });
  return op(rows) as T;
}

/** The permutation that undoes `order`. @example inversePermutation([2, 0, 1]) // [1, 2, 0] */
export function inversePermutation(order: Int32Array | readonly number[]): Int32Array {
  const inverse = new Int32Array(order.length);
  for (const [place, row] of order.entries()) inverse[row] = place;
  return inverse;
}
