import { SslError } from '@contrastive/core';
import { columnMeans, type FeatureMatrix, type RowMatrix } from '../features.js';
import { eigenvalues } from './eigenvalues.js';

/** Added to every share before the logarithm: 1e-7 (RankMe paper); stable-pretraining uses 1e-5. */
export const RANK_EPSILON = 1e-7;

/**
 * (F − shift)ᵀ(F − shift), [dim, dim] row-major, float64. Four rows at a time, so that every entry is loaded and stored once for four
 * products: 10,000 × 512 takes about a second.
 */
export function gram({ data, rows, dim }: RowMatrix, shift: Float64Array): Float64Array {
  const out = new Float64Array(dim * dim);
  const block = [0, 1, 2, 3].map(() => new Float64Array(dim));
  const [r0, r1, r2, r3] = block as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let i = 0; i < rows; i += 4) {
    block.forEach((row, b) => {
      const first = (i + b) * dim;
      if (i + b >= rows) row.fill(0);
      else for (let j = 0; j < dim; j++) row[j] = data[first + j]! - shift[j]!;
    });
    for (let a = 0; a < dim; a++) {
      const [x0, x1, x2, x3] = [r0[a]!, r1[a]!, r2[a]!, r3[a]!];
      const line = a * dim;
      for (let b = a; b < dim; b++) out[line + b]! += x0 * r0[b]! + x1 * r1[b]! + x2 * r2[b]! + x3 * r3[b]!;
    }
  }
  for (let a = 0; a < dim; a++) for (let b = 0; b < a; b++) out[a * dim + b] = out[b * dim + a]!;
  return out;
}

/** Both spectra of one matrix, largest first. */
export interface Spectra {
  /** Of F as it is (not centred), min(rows, dim) of them. */
  readonly singularValues: Float64Array;
  /** Eigenvalues of the covariance (÷ rows − 1), dim of them. */
  readonly covarianceEigenvalues: Float64Array;
}

/**
 * Singular values and covariance eigenvalues through dim × dim matrices in float64. One pass over the rows gives the centred
 * products S; those of F are S + n·μμᵀ, a sum without cancellation.
 *
 * @throws SslError `DATA` below two rows.
 */
export function spectra(features: FeatureMatrix): Spectra {
  const { rows, dim } = features;
  if (rows < 2) throw new SslError('DATA', `spectra: ${rows} row has no covariance; give at least 2.`);
  const mean = columnMeans(features);
  const centred = gram(features, mean);
  const raw = centred.map((s, i) => s + rows * mean[Math.floor(i / dim)]! * mean[i % dim]!);
  const squares = eigenvalues(raw, dim).slice(0, Math.min(rows, dim));
  const covariance = centred.map((s) => s / (rows - 1));
  return { singularValues: squares.map(Math.sqrt), covarianceEigenvalues: eigenvalues(covariance, dim) };
}

/**
 * exp(−Σ p·ln p) with p = v / Σv + epsilon: how many equal entries would have this entropy. All-zero values (a collapsed encoder) give 0.
 */
export function entropyRank(values: Float64Array, epsilon = RANK_EPSILON): number {
  const total = values.reduce((a, b) => a + b, 0);
  if (total === 0) return 0;
  const entropy = values.reduce((sum, v) => {
    const p = v / total + epsilon;
    return p > 0 ? sum - p * Math.log(p) : sum;
  }, 0);
  return Math.exp(entropy);
}

/** (Σλ)² / Σλ², between 1 and the number of values; 0 for all-zero values. */
export function participationRatio(values: Float64Array): number {
  const sum = values.reduce((a, b) => a + b, 0);
  const squares = values.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? 0 : sum ** 2 / squares;
}
