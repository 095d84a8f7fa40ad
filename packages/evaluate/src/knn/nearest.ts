import { integerAtLeast, oneOf, resolveOptions, SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { columnMeans, type FeatureMatrix, requireFeatures, requireSameDim, shiftRows, unitRows } from '../features.js';
import { createSelector, type Selector } from './select.js';

/** `cosine`: unit rows, larger is nearer. `dot`: raw rows, larger is nearer. `euclidean`: raw rows, smaller is nearer. */
export type KnnMetric = 'cosine' | 'dot' | 'euclidean';

export interface NearestOptions {
  /** Neighbours a row, ≥ 1; at most the bank's size is used. Default 200. */
  readonly k?: number;
  /** Default `cosine`. */
  readonly metric?: KnnMetric;
  /** Leaves out the bank row with the query's own index: for a query that is the bank. Default false. */
  readonly excludeSelf?: boolean;
}

export const NEAREST_DEFAULTS: Required<NearestOptions> = { k: 200, metric: 'cosine', excludeSelf: false };

/** Nearest bank rows of every query row, nearest first; at equal values the smaller index first. */
export interface Neighbours {
  readonly metric: KnnMetric;
  readonly rows: number;
  /** Neighbours a row: the `k` asked for, or what the bank has. */
  readonly k: number;
  /** Bank rows, [rows, k]. */
  readonly indices: Int32Array;
  /** Similarity (`cosine`, `dot`) or distance (`euclidean`), [rows, k]. */
  readonly values: Float64Array;
}

/** Scores held at once: query rows of a chunk × bank rows (spec "evaluation" 2.2). */
const CHUNK_SCORES = 5e6;
/** Candidates beyond k whose distance is recomputed, so that rounding in the float32 product cannot change the k nearest. */
const EXTRA_CANDIDATES = 32;

/**
 * Exact nearest neighbours by brute force: the products run on the tensor backend in chunks, the selection in JavaScript, so
 * memory is bank + 20 MB and ties break the same on every backend.
 *
 * `euclidean` distances: candidates come from |b|² − 2a·b on centred rows in float32, and their distances are then computed
 * anew in float64.
 *
 * @param bank [n, d]. @param query [m, d].
 * @throws SslError `DATA`, `SHAPE_MISMATCH`, `NOT_FINITE` on unusable features; `BAD_OPTION`.
 */
export async function nearest(
  bank: FeatureMatrix,
  query: FeatureMatrix,
  options: NearestOptions = {},
): Promise<Neighbours> {
  const o = resolveOptions<Required<NearestOptions>>('nearest', NEAREST_DEFAULTS, options, (r) => [
    ...integerAtLeast(1, r, 'k'),
    ...oneOf(r, 'metric', ['cosine', 'dot', 'euclidean']),
  ]);
  requireFeatures('nearest', 'bank', bank);
  requireFeatures('nearest', 'query', query);
  requireSameDim('nearest', bank, query);
  if (o.excludeSelf && bank.rows < 2) {
    throw new SslError('DATA', 'nearest: without itself, a row of a bank of 1 has no neighbour.');
  }
  const k = Math.min(o.k, bank.rows - (o.excludeSelf ? 1 : 0));
  const kept = Math.min(bank.rows, k + (o.excludeSelf ? 1 : 0) + (o.metric === 'euclidean' ? EXTRA_CANDIDATES : 0));
  const [bankRows, queryRows] = prepare(bank, query, o.metric);
  const best = createSelector(bank.rows, kept);
  const indices = new Int32Array(query.rows * k);
  const values = new Float64Array(query.rows * k);
  await scan(bankRows, queryRows, o.metric === 'euclidean', (scores, offset, penalty, row) => {
    best.select(scores, offset, penalty);
    if (o.metric === 'euclidean') refine(best, bank, query, row);
    let used = 0;
    for (let j = 0; used < k; j++) {
      if (o.excludeSelf && best.indices[j] === row) continue;
      indices[row * k + used] = best.indices[j]!;
      values[row * k + used] = best.values[j]!;
      used++;
    }
  });
  return { metric: o.metric, rows: query.rows, k, indices, values };
}

function prepare(bank: FeatureMatrix, query: FeatureMatrix, metric: KnnMetric): [FeatureMatrix, FeatureMatrix] {
  if (metric === 'dot') return [bank, query];
  if (metric === 'cosine') return [unitRows(bank), unitRows(query)];
  // Distances do not depend on the origin, but the rounding of |b|² − 2a·b does: the bank's centre is the best one.
  const mean = columnMeans(bank);
  return [shiftRows(bank, mean), shiftRows(query, mean)];
}

/** Calls `visit` for every query row with its products with all bank rows, at `offset` of `scores`. */
async function scan(
  bank: FeatureMatrix,
  query: FeatureMatrix,
  penalised: boolean,
  visit: (scores: Float32Array, offset: number, penalty: Float64Array, row: number) => void,
): Promise<void> {
  const penalty = penalised ? halfSquares(bank) : new Float64Array(bank.rows);
  const chunk = Math.max(1, Math.floor(CHUNK_SCORES / bank.rows));
  const bankTensor = tf.tensor2d(bank.data, [bank.rows, bank.dim]);
  try {
    for (let start = 0; start < query.rows; start += chunk) {
      const count = Math.min(chunk, query.rows - start);
      const rows = query.data.subarray(start * query.dim, (start + count) * query.dim);
      const product = tf.tidy(() => tf.matMul(tf.tensor2d(rows, [count, query.dim]), bankTensor, false, true));
      const scores = (await product.data()) as Float32Array;
      product.dispose();
      for (let i = 0; i < count; i++) visit(scores, i * bank.rows, penalty, start + i);
    }
  } finally {
    bankTensor.dispose();
  }
}

function halfSquares({ data, rows, dim }: FeatureMatrix): Float64Array {
  const half = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let square = 0;
    for (let j = i * dim; j < (i + 1) * dim; j++) square += data[j]! ** 2;
    half[i] = square / 2;
  }
  return half;
}

/** Replaces the selected scores by float64 distances and sorts by (distance, index). */
function refine(best: Selector, bank: FeatureMatrix, query: FeatureMatrix, row: number): void {
  const { dim } = bank;
  const found = Array.from(best.indices, (index) => {
    let square = 0;
    for (let j = 0; j < dim; j++) square += (query.data[row * dim + j]! - bank.data[index * dim + j]!) ** 2;
    return { index, distance: Math.sqrt(square) };
  });
  found.sort((a, b) => a.distance - b.distance || a.index - b.index);
  found.forEach(({ index, distance }, i) => {
    best.indices[i] = index;
    best.values[i] = distance;
  });
}
