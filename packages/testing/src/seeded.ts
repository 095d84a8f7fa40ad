import { Rng } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Standard normal values, the same for the same seed on every machine. */
export function seededTensor<R extends tf.Rank = tf.Rank>(shape: tf.ShapeMap[R], seed: number): tf.Tensor<R> {
  const rng = Rng.create(seed);
  const size = (shape as readonly number[]).reduce((a, b) => a * b, 1);
  return tf.tensor<R>(
    Float32Array.from({ length: size }, () => rng.normal()),
    shape,
  );
}

/** n random unit rows, [n, d]. */
export const seededRows = (n: number, d: number, seed: number): tf.Tensor2D =>
  tf.tidy(() => {
    const rows = seededTensor<tf.Rank.R2>([n, d], seed);
    return tf.div(rows, tf.norm(rows, 2, 1, true)) as tf.Tensor2D;
  });
