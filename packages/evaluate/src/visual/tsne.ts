import { integerAtLeast, positive, Rng, resolveOptions, SslError } from '@contrastive/core';
import { type FeatureMatrix, requireFeatures } from '../features.js';
import { captionOf, type PlaneEmbedding } from './embedding.js';
import { applyPca, fitPca } from './pca.js';
import { affinities } from './tsne-affinities.js';
import { shareIssue } from './umap.js';

export interface TsneOptions {
  /** Effective number of neighbours, > 0; below a third of the rows. Default 20 (SNCLR's file; t-SNE's usual value is 30). */
  readonly perplexity?: number;
  /** Default 1000. */
  readonly iterations?: number;
  /** Default 500. */
  readonly learningRate?: number;
  /** Principal components kept first, ≥ 1. Default 50. */
  readonly pca?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Accuracy in [0, 1] to put into the caption. */
  readonly knnAccuracy?: number | undefined;
}
export const TSNE_DEFAULTS: Required<TsneOptions> = {
  perplexity: 20,
  iterations: 1000,
  learningRate: 500,
  pca: 50,
  seed: 0,
  knnAccuracy: undefined,
};

/** Memory and time grow with the square of the rows. */
const MAX_ROWS = 2000;
const EXAGGERATION = 4;
const EXAGGERATED = 100;
const EARLY_MOMENTUM = 20;
const MIN_GAIN = 0.01;

/**
 * Exact t-SNE coordinates (van der Maaten and Hinton 2008) with the settings of SNCLR's script: PCA to 50, affinities × 4 for
 * 100 iterations, momentum 0.5 for 20 iterations, then 0.8, gains +0.2 / ×0.8 of at least 0.01. About 4 s for 1000 rows, four times that for 2000.
 *
 * @throws SslError `DATA` (more than 2000 rows, or too few for the perplexity), `NOT_FINITE`, `SHAPE_MISMATCH`, `BAD_OPTION`.
 * Source: spec "evaluation" section 9.
 */
export function tsne(features: FeatureMatrix, options: TsneOptions = {}): PlaneEmbedding {
  const o = resolveOptions<Required<TsneOptions>>('tsne', TSNE_DEFAULTS, options, (r) => [
    ...positive(r, 'perplexity', 'learningRate'),
    ...integerAtLeast(1, r, 'iterations', 'pca'),
    ...integerAtLeast(0, r, 'seed'),
    ...shareIssue(r.knnAccuracy),
  ]);
  requireFeatures('tsne', 'features', features);
  const { rows } = features;
  if (rows > MAX_ROWS) {
    throw new SslError('DATA', `tsne: ${rows} rows are too many for exact t-SNE; the limit is ${MAX_ROWS}.`, {
      hint: 'Take a stratified sample, or use umap.',
    });
  }
  if (rows <= 3 * o.perplexity) {
    throw new SslError(
      'DATA',
      `tsne: perplexity ${o.perplexity} needs more than ${3 * o.perplexity} rows, but there are ${rows}.`,
    );
  }
  const reduced = features.dim > o.pca ? applyPca(fitPca(features, o.pca), features) : features;
  const p = affinities(reduced, o.perplexity);
  const rng = Rng.create(o.seed).fork('tsne');
  const points = Float64Array.from({ length: 2 * rows }, () => rng.normal());
  descend(points, p, rows, o.iterations, o.learningRate);
  const title = `t-SNE (perplexity ${o.perplexity}, ${o.iterations} iterations, PCA to ${reduced.dim})`;
  return {
    method: 't-sne',
    points: Float32Array.from(points),
    caption: captionOf(title, o.seed, features, o.knnAccuracy),
  };
}

/** Gradient descent with momentum and gains, in place; the cloud is kept centred. */
function descend(y: Float64Array, p: Float64Array, rows: number, iterations: number, learningRate: number): void {
  const gradient = new Float64Array(y.length);
  const velocity = new Float64Array(y.length);
  const gains = new Float64Array(y.length).fill(1);
  for (let t = 0; t < iterations; t++) {
    gradientOf(y, p, rows, t < EXAGGERATED ? EXAGGERATION : 1, gradient);
    const momentum = t < EARLY_MOMENTUM ? 0.5 : 0.8;
    for (let i = 0; i < y.length; i++) {
      const sameSign = gradient[i]! > 0 === velocity[i]! > 0;
      gains[i] = Math.max(MIN_GAIN, sameSign ? gains[i]! * 0.8 : gains[i]! + 0.2);
      velocity[i] = momentum * velocity[i]! - learningRate * gains[i]! * gradient[i]!;
      y[i]! += velocity[i]!;
    }
    for (const axis of [0, 1]) {
      let sum = 0;
      for (let i = axis; i < y.length; i += 2) sum += y[i]!;
      for (let i = axis; i < y.length; i += 2) y[i]! -= sum / rows;
    }
  }
}

/** 4·Σ_j (s·p_ij − q_ij)·(y_i − y_j)/(1 + ‖y_i − y_j‖²), the gradient of KL(s·P ‖ Q). */
export function gradientOf(
  y: Float64Array,
  p: Float64Array,
  rows: number,
  exaggeration: number,
  gradient: Float64Array,
): void {
  let total = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) {
      total += 2 / (1 + (y[2 * i]! - y[2 * j]!) ** 2 + (y[2 * i + 1]! - y[2 * j + 1]!) ** 2);
    }
  }
  gradient.fill(0);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) {
      const dx = y[2 * i]! - y[2 * j]!;
      const dy = y[2 * i + 1]! - y[2 * j + 1]!;
      const near = 1 / (1 + dx * dx + dy * dy);
      const force = 4 * (exaggeration * p[i * rows + j]! - near / total) * near;
      gradient[2 * i]! += force * dx;
      gradient[2 * i + 1]! += force * dy;
      gradient[2 * j]! -= force * dx;
      gradient[2 * j + 1]! -= force * dy;
    }
  }
}
