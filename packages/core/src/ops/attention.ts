import * as tf from '@tensorflow/tfjs-core';

/**
 * Multi-head self-attention:  softmax(q kᵀ / √(d/heads)) v  in each head.
 *
 * @param qkv [n, t, 3d]: columns q | k | v, inside each the heads are contiguous blocks of d/heads. @returns [n, t, d].
 */
export function selfAttention(qkv: tf.Tensor3D, heads: number): tf.Tensor3D {
  const [n, t, width] = qkv.shape;
  const d = width / 3;
  const size = d / heads;
  const byPart = tf.transpose(tf.reshape(qkv, [n, t, 3, heads, size]), [2, 0, 3, 1, 4]);
  const [q, k, v] = tf.split(byPart, 3, 0).map((part) => tf.reshape(part, [n * heads, t, size])) as [
    tf.Tensor3D,
    tf.Tensor3D,
    tf.Tensor3D,
  ];
  const weights = tf.softmax(tf.matMul(tf.mul(q, size ** -0.5), k, false, true));
  const mixed = tf.reshape(tf.matMul(weights, v), [n, heads, t, size]);
  return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [n, t, d]);
}
