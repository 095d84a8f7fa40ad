import { SslError } from '@contrastive/core';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { columnMeans, type FeatureMatrix, requireFeatures, requireSameDim } from '../features.js';
import { gram } from '../quality/spectrum.js';

export interface Pca {
  readonly dim: number;
  readonly components: number;
  /** [dim]. */
  readonly mean: Float64Array;
  /** Directions as rows, [components, dim], by falling variance. The largest entry of each is positive, so that signs repeat. */
  readonly directions: Float64Array;
  /** Share of the total variance of each direction. */
  readonly explained: Float64Array;
}

/**
 * Principal components through the covariance in float64.
 *
 * @param components ≥ 1; at most min(rows − 1, dim) are given. @throws SslError `BAD_OPTION`, `DATA`, `NOT_FINITE`, `SHAPE_MISMATCH`.
 */
export function fitPca(features: FeatureMatrix, components: number): Pca {
  requireFeatures('fitPca', 'features', features);
  if (!Number.isInteger(components) || components < 1) {
    throw new SslError('BAD_OPTION', `fitPca: components is ${components}, but it must be an integer ≥ 1.`);
  }
  const { rows, dim } = features;
  if (rows < 2) throw new SslError('DATA', 'fitPca: one row has no variance; give at least 2.');
  const mean = columnMeans(features);
  const scatter = Matrix.from1DArray(dim, dim, gram(features, mean));
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(scatter, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  const used = order.slice(0, Math.min(components, rows - 1, dim));
  const total = realEigenvalues.reduce((sum, v) => sum + Math.max(0, v), 0);
  return {
    dim,
    components: used.length,
    mean,
    directions: Float64Array.from(used.flatMap((i) => withFixedSign(eigenvectorMatrix.getColumn(i)))),
    explained: Float64Array.from(used, (i) => (total === 0 ? 0 : Math.max(0, realEigenvalues[i]!) / total)),
  };
}

/** Coordinates of rows along the components, [rows, components]. @throws SslError `SHAPE_MISMATCH` on another width. */
export function applyPca(pca: Pca, features: FeatureMatrix): FeatureMatrix {
  requireSameDim('applyPca', { ...features, dim: pca.dim }, features);
  const { components, dim, mean, directions } = pca;
  const data = new Float32Array(features.rows * components);
  for (let i = 0; i < features.rows; i++) {
    for (let c = 0; c < components; c++) {
      let sum = 0;
      for (let j = 0; j < dim; j++) sum += (features.data[i * dim + j]! - mean[j]!) * directions[c * dim + j]!;
      data[i * components + c] = sum;
    }
  }
  return { data, rows: features.rows, dim: components };
}

function withFixedSign(direction: readonly number[]): number[] {
  const largest = direction.reduce((a, b) => (Math.abs(b) > Math.abs(a) + 1e-12 ? b : a), 0);
  return direction.map((v) => (largest < 0 ? -v : v));
}
