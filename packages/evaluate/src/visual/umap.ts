import { integerAtLeast, type OptionIssue, positive, Rng, resolveOptions, SslError, within } from '@contrastive/core';
import { UMAP } from 'umap-js';
import { type FeatureMatrix, requireFeatures } from '../features.js';
import { nearest } from '../knn/nearest.js';
import { captionOf, type PlaneEmbedding } from './embedding.js';

export interface UmapOptions {
  /** Neighbours that define the local scale, the point itself included, ≥ 2. Default 15. */
  readonly neighbors?: number;
  /** Smallest distance of points in the plane, ≥ 0. Default 0.1. */
  readonly minDist?: number;
  /** Default 1. */
  readonly spread?: number;
  /** Rounds of optimisation; default 0 = the library's choice by size (500 up to 2500 rows). */
  readonly epochs?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Accuracy in [0, 1] to put into the caption, for example that of {@link weightedKnn}. */
  readonly knnAccuracy?: number | undefined;
}
export const UMAP_DEFAULTS: Required<UmapOptions> = {
  neighbors: 15,
  minDist: 0.1,
  spread: 1,
  epochs: 0,
  seed: 0,
  knnAccuracy: undefined,
};

/**
 * UMAP coordinates (McInnes et al. 2018) by `umap-js`, with solo-learn's settings: all library defaults, raw features, Euclidean. The
 * neighbours are exact (see {@link nearest}), not the library's approximate ones.
 *
 * Draw it next to a random-initialised encoder's. n = 1000 takes seconds; reduce wide features by `fitPca` first.
 *
 * @throws SslError `DATA` with fewer rows than neighbours + 1, `NOT_FINITE`, `SHAPE_MISMATCH`, `BAD_OPTION`.
 * Source: spec "evaluation" sections 9 and 10.
 */
export async function umap(features: FeatureMatrix, options: UmapOptions = {}): Promise<PlaneEmbedding> {
  const o = resolveOptions<Required<UmapOptions>>('umap', UMAP_DEFAULTS, options, (r) => [
    ...integerAtLeast(2, r, 'neighbors'),
    ...integerAtLeast(0, r, 'seed', 'epochs'),
    ...within(0, Number.MAX_VALUE, r, 'minDist'),
    ...positive(r, 'spread'),
    ...shareIssue(r.knnAccuracy),
  ]);
  requireFeatures('umap', 'features', features);
  if (features.rows <= o.neighbors) {
    throw new SslError(
      'DATA',
      `umap: ${o.neighbors} neighbours need more than ${o.neighbors} rows, but there are ${features.rows}.`,
    );
  }
  const rng = Rng.create(o.seed).fork('umap');
  const model = new UMAP({
    nComponents: 2,
    nNeighbors: o.neighbors,
    minDist: o.minDist,
    spread: o.spread,
    random: () => rng.uniform(),
    ...(o.epochs > 0 ? { nEpochs: o.epochs } : {}),
  });
  const found = await nearest(features, features, { k: o.neighbors, metric: 'euclidean' });
  const split = (values: ArrayLike<number>): number[][] =>
    Array.from({ length: found.rows }, (_, i) => Array.from({ length: found.k }, (_, j) => values[i * found.k + j]!));
  model.setPrecomputedKNN(split(found.indices), split(found.values));
  const rows = Array.from({ length: features.rows }, (_, i) =>
    Array.from(features.data.subarray(i * features.dim, (i + 1) * features.dim)),
  );
  const points = Float32Array.from(model.fit(rows).flat());
  const title = `UMAP (${o.neighbors} neighbours, min_dist ${o.minDist}, Euclidean)`;
  return { method: 'umap', points, caption: captionOf(title, o.seed, features, o.knnAccuracy) };
}

/** A share that may be left out. */
export const shareIssue = (knnAccuracy: number | undefined): OptionIssue[] =>
  knnAccuracy === undefined ? [] : within(0, 1, { knnAccuracy }, 'knnAccuracy');
