import type { FeatureMatrix } from '../features.js';

const TOLERANCE = 1e-5;
const MAX_TRIES = 50;

/**
 * Symmetric joint probabilities P, [rows, rows], sum 1: p_ij = (p_j|i + p_i|j)/2n, where p_j|i ∝ exp(−β_i·‖x_i − x_j‖²) and β_i is
 * found by bisection so that the entropy of row i is ln(perplexity).
 */
export function affinities(features: FeatureMatrix, perplexity: number): Float64Array {
  const { rows } = features;
  const distances = squaredDistances(features);
  const conditional = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    fillRow(
      distances.subarray(i * rows, (i + 1) * rows),
      conditional.subarray(i * rows, (i + 1) * rows),
      i,
      Math.log(perplexity),
    );
  }
  const joint = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++)
      joint[i * rows + j] = (conditional[i * rows + j]! + conditional[j * rows + i]!) / (2 * rows);
  }
  return joint;
}

function fillRow(distances: Float64Array, row: Float64Array, self: number, wanted: number): void {
  let [low, high] = [0, Number.POSITIVE_INFINITY];
  // Distances from the nearest point, in units of their mean: the first β is of the right order for any scale of features.
  const nearest = distances.reduce((a, d, j) => (j === self ? a : Math.min(a, d)), Number.POSITIVE_INFINITY);
  const mean = distances.reduce((a, d) => a + d, 0) / distances.length - nearest;
  let beta = mean > 0 ? 1 / mean : 1;
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const excess = entropyAt(distances, row, self, nearest, beta) - wanted;
    if (Math.abs(excess) < TOLERANCE) return;
    if (excess > 0) low = beta;
    else high = beta;
    beta = high === Number.POSITIVE_INFINITY ? beta * 2 : (low + high) / 2;
  }
}

/** Fills in the conditional probabilities and returns their entropy: ln Σ + β·E[d]. */
function entropyAt(distances: Float64Array, row: Float64Array, self: number, nearest: number, beta: number): number {
  let [sum, weighted] = [0, 0];
  for (let j = 0; j < row.length; j++) {
    const d = distances[j]! - nearest;
    row[j] = j === self ? 0 : Math.exp(-beta * d);
    sum += row[j]!;
    weighted += row[j]! * d;
  }
  for (let j = 0; j < row.length; j++) row[j]! /= sum;
  return Math.log(sum) + (beta * weighted) / sum;
}

function squaredDistances({ data, rows, dim }: FeatureMatrix): Float64Array {
  const distances = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) {
      let square = 0;
      for (let d = 0; d < dim; d++) square += (data[i * dim + d]! - data[j * dim + d]!) ** 2;
      distances[i * rows + j] = square;
      distances[j * rows + i] = square;
    }
  }
  return distances;
}
