import * as tf from '@tensorflow/tfjs-core';

/**
 * Bilinear enlargement of a square map to `side` cells, pixel centres at half steps and edges repeated (PyTorch's `interpolate` with
 * `align_corners` off). Stated as two matrix products, which have gradients on every backend. A whole factor keeps the mean of the map.
 *
 * @param map [n, g, g, c]. @param side G ≥ g. @returns [n, G, G, c].
 */
export function upsample(map: tf.Tensor4D, side: number): tf.Tensor4D {
  const [n, g, , c] = map.shape;
  if (g === side) return map;
  const weights = tf.tensor(bilinearWeights(g, side), [1, side, g]);
  const rows = tf.matMul(weights, tf.reshape(map, [n, g, g * c]));
  const all = tf.matMul(weights, tf.reshape(rows, [n * side, g, c]));
  return tf.reshape(all, [n, side, side, c]);
}

/** How much of each of `g` cells each of `side` cells takes, row by row. */
function bilinearWeights(g: number, side: number): Float32Array {
  const weights = new Float32Array(side * g);
  if (g === 1) return weights.fill(1);
  for (let i = 0; i < side; i++) {
    const at = Math.min(Math.max(((i + 0.5) * g) / side - 0.5, 0), g - 1);
    const low = Math.min(Math.floor(at), g - 2);
    weights[i * g + low] = 1 - (at - low);
    weights[i * g + low + 1] = at - low;
  }
  return weights;
}
