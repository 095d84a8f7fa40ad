import type * as tf from '@tensorflow/tfjs-core';
import { SslError } from './errors.js';

/**
 * A tensor in host memory: what enters a step (images, random draws, scalars) and what leaves it (metrics).
 * Steps get it as a device tensor of the same shape; a compiled step is fed the bytes directly.
 */
export interface HostTensor<R extends tf.Rank = tf.Rank> {
  readonly shape: tf.ShapeMap[R];
  readonly dtype: 'float32' | 'int32';
  readonly data: Float32Array | Int32Array;
}

/** Named host tensors. */
export type HostTensors = Readonly<Record<string, HostTensor>>;

/** The same names, as tensors on the device. */
export type OnDevice<T extends HostTensors> = {
  readonly [K in keyof T]: T[K] extends HostTensor<infer R> ? tf.Tensor<R> : never;
};

/** A host tensor of any rank. @throws SslError `SHAPE_MISMATCH` if the number of values is not the product of the shape. */
export function hostTensor<R extends tf.Rank>(
  shape: tf.ShapeMap[R],
  data: Float32Array | Int32Array | readonly number[],
  dtype?: 'float32' | 'int32',
): HostTensor<R> {
  const size = (shape as readonly number[]).reduce((a, b) => a * b, 1);
  if (data.length !== size) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `hostTensor: shape [${shape}] holds ${size} values, but ${data.length} were given.`,
    );
  }
  if (data instanceof Int32Array && dtype !== 'float32') return { shape, dtype: 'int32', data };
  if (data instanceof Float32Array && dtype !== 'int32') return { shape, dtype: 'float32', data };
  return dtype === 'int32'
    ? { shape, dtype, data: Int32Array.from(data) }
    : { shape, dtype: 'float32', data: Float32Array.from(data) };
}

/** Float scalar. */
export const hostScalar = (value: number): HostTensor<tf.Rank.R0> => ({
  shape: [] as unknown as tf.ShapeMap[tf.Rank.R0],
  dtype: 'float32',
  data: Float32Array.of(value),
});

/** Integer vector, for example a permutation. */
export const hostInts = (values: Int32Array | readonly number[]): HostTensor<tf.Rank.R1> =>
  hostTensor<tf.Rank.R1>([values.length], values, 'int32');
