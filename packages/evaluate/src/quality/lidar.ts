import { integerAtLeast, positive, resolveOptions, SslError } from '@contrastive/core';
import { columnMeans, type FeatureMatrix, type RowMatrix, requireFeatures } from '../features.js';
import { choleskyFactor, solveLowerRows } from './cholesky.js';
import { eigenvalues } from './eigenvalues.js';
import { entropyRank, gram } from './spectrum.js';

export interface LidarOptions {
  /** Views of one image, ≥ 2, in consecutive rows. Default 10. */
  readonly views?: number;
  /** Added to the diagonal of the within-class covariance, > 0. Default 1e-4 (stable-pretraining). */
  readonly delta?: number;
  /** Added to every eigenvalue before they are made shares, > 0. Default 1e-8. */
  readonly epsilon?: number;
}
export const LIDAR_DEFAULTS: Required<LidarOptions> = { views: 10, delta: 1e-4, epsilon: 1e-8 };

/**
 * LiDAR: the entropy rank of Σw^{−1/2}·Σb·Σw^{−1/2}, where every image is a class and its augmented views are the samples.
 * Between 1 and min(dim, images − 1); higher promises better linear probing.
 *
 * Σb is the covariance of class means (÷ images − 1), Σw the mean covariance within classes (÷ images·(views − 1)) + δ·I.
 * 1000 images × 10 views × 512 take about two seconds, most of them for Σw.
 *
 * @param features [images·views, dim]: all views of image 0, then of image 1, … The usual size is 100 images × 10 views.
 * @throws SslError `SHAPE_MISMATCH` unless views divides the rows; `DATA` below two images; `NOT_FINITE`; `BAD_OPTION`.
 * Source: Thilak et al. 2023, arXiv 2312.04000; spec "evaluation" section 8.
 */
export function lidar(features: FeatureMatrix, options: LidarOptions = {}): number {
  const o = resolveOptions<Required<LidarOptions>>('lidar', LIDAR_DEFAULTS, options, (r) => [
    ...integerAtLeast(2, r, 'views'),
    ...positive(r, 'delta', 'epsilon'),
  ]);
  requireFeatures('lidar', 'features', features);
  const { rows, dim } = features;
  if (rows % o.views !== 0) {
    throw new SslError('SHAPE_MISMATCH', `lidar: ${rows} rows are not a multiple of ${o.views} views an image.`);
  }
  const images = rows / o.views;
  if (images < 2) throw new SslError('DATA', `lidar: ${images} image has no spread between images; give at least 2.`);
  const means = classMeans(features, o.views);
  const scatter = gram(withoutMeans(features, means, o.views), new Float64Array(dim));
  const within = scatter.map((v, i) => v / (images * (o.views - 1)) + (i % (dim + 1) === 0 ? o.delta : 0));
  const centre = columnMeans(means);
  const between = Float64Array.from(means.data, (v, i) => (v - centre[i % dim]!) / Math.sqrt(images - 1));
  solveLowerRows(choleskyFactor(within, dim), dim, between);
  // Rows B·L⁻ᵀ: both Gram matrices of them have the wanted non-zero eigenvalues, so the smaller one is decomposed.
  const whitened = { data: between, rows: images, dim };
  const small = images < dim ? transposed(whitened) : whitened;
  const spectrum = eigenvalues(gram(small, new Float64Array(small.dim)), small.dim);
  // Same shares as stable-pretraining's over dim eigenvalues, of which all but `images` are zero.
  const padded = new Float64Array(dim).map((_, i) => (spectrum[i] ?? 0) + o.epsilon);
  return entropyRank(padded, 0);
}

function transposed({ data, rows, dim }: RowMatrix): RowMatrix {
  const turned = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < dim; j++) turned[j * rows + i] = data[i * dim + j]!;
  return { data: turned, rows: dim, dim: rows };
}

/** Means of every `views` consecutive rows; kept in float64. */
function classMeans({ data, rows, dim }: FeatureMatrix, views: number): RowMatrix {
  const means = new Float64Array((rows / views) * dim);
  for (let i = 0; i < rows; i++) {
    const first = Math.floor(i / views) * dim;
    for (let j = 0; j < dim; j++) means[first + j]! += data[i * dim + j]! / views;
  }
  return { data: means, rows: rows / views, dim };
}

/** Every row minus the mean of its image, float64. */
function withoutMeans({ data, rows, dim }: FeatureMatrix, means: RowMatrix, views: number): RowMatrix {
  const rest = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) {
    const first = Math.floor(i / views) * dim;
    for (let j = 0; j < dim; j++) rest[i * dim + j] = data[i * dim + j]! - means.data[first + j]!;
  }
  return { data: rest, rows, dim };
}
