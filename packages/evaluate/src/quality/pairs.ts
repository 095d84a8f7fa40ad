import { SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { type FeatureMatrix, requireFeatures, unitRows } from '../features.js';

/**
 * Alignment (α = 2): mean over pairs of ‖u − u⁺‖² = mean of 2 − 2·cos; lower is better, 0 if the views agree.
 *
 * @param features views 1, [n, d]. @param positives views 2 of the same images (two training augmentations), same shape.
 * @throws SslError `SHAPE_MISMATCH`, `DATA`, `NOT_FINITE`. Source: Wang and Isola 2020; spec "evaluation" section 8, example B.
 */
export function alignment(features: FeatureMatrix, positives: FeatureMatrix): number {
  requireFeatures('alignment', 'features', features);
  requireFeatures('alignment', 'positives', positives);
  if (features.rows !== positives.rows || features.dim !== positives.dim) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `alignment: features are [${features.rows}, ${features.dim}], positives [${positives.rows}, ${positives.dim}], but row i must belong to row i.`,
    );
  }
  const [u, v] = [unitRows(features).data, unitRows(positives).data];
  let sum = 0;
  for (let i = 0; i < u.length; i++) sum += (u[i]! - v[i]!) ** 2;
  return sum / features.rows;
}

export interface PairStatistics {
  /** ln mean over i < j of exp(−t‖uᵢ − uⱼ‖²): 0 for a collapsed encoder, about −2t for a uniform cloud in many dimensions. */
  readonly uniformity: number;
  /** Mean over i ≠ j of |uᵢ·uⱼ|; low is better. */
  readonly meanAbsCosine: number;
}

/** Products held at once. */
const CHUNK = 5e6;

/**
 * Uniformity and mean absolute cosine over all pairs of rows: products on the tensor backend in chunks (upper triangle only), sums in float64.
 *
 * @param t of uniformity; default 2. @throws SslError `DATA` below two rows, `NOT_FINITE`.
 * Source: Wang and Isola 2020; spec "evaluation" section 8, example B.
 */
export async function pairStatistics(features: FeatureMatrix, t = 2): Promise<PairStatistics> {
  requireFeatures('pairStatistics', 'features', features);
  const { rows, dim } = features;
  if (rows < 2) throw new SslError('DATA', `pairStatistics: ${rows} row makes no pair; give at least 2.`);
  const { data } = unitRows(features);
  const all = tf.tensor2d(data, [rows, dim]);
  let [potential, cosines] = [0, 0];
  const chunk = Math.max(1, Math.floor(CHUNK / rows));
  try {
    for (let start = 0; start < rows; start += chunk) {
      const count = Math.min(chunk, rows - start);
      const width = rows - start;
      const product = tf.tidy(() =>
        tf.matMul(tf.slice(all, [start, 0], [count, dim]), tf.slice(all, [start, 0], [width, dim]), false, true),
      );
      const cosine = (await product.data()) as Float32Array;
      product.dispose();
      for (let i = 0; i < count; i++) {
        for (let j = i + 1; j < width; j++) {
          const c = cosine[i * width + j]!;
          potential += Math.exp(2 * t * (c - 1));
          cosines += Math.abs(c);
        }
      }
    }
  } finally {
    all.dispose();
  }
  const pairs = (rows * (rows - 1)) / 2;
  return { uniformity: Math.log(potential / pairs), meanAbsCosine: cosines / pairs };
}

/** Mean over dimensions of the (population) standard deviation of unit rows: about 1/√dim if healthy, 0 if collapsed. */
export function featureStd(features: FeatureMatrix): number {
  requireFeatures('featureStd', 'features', features);
  const { data, rows, dim } = unitRows(features);
  const sum = new Float64Array(dim);
  for (let i = 0; i < data.length; i++) sum[i % dim]! += data[i]!;
  const square = new Float64Array(dim);
  for (let i = 0; i < data.length; i++) square[i % dim]! += (data[i]! - sum[i % dim]! / rows) ** 2;
  return square.reduce((total, s) => total + Math.sqrt(s / rows), 0) / dim;
}
