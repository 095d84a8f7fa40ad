import type { FeatureMatrix } from '../features.js';

/** Points in the plane, ready to be drawn, with what must be said next to them. */
export interface PlaneEmbedding {
  readonly method: 'umap' | 't-sne';
  /** [rows, 2], in the order of the features. */
  readonly points: Float32Array;
  /** Settings and seed, and what the picture does not show. */
  readonly caption: string;
}

/** What every caption ends with (spec "evaluation" section 9). */
export const NOT_MEANINGFUL = 'Distances between clusters and sizes of clusters are not meaningful.';

export function captionOf(
  title: string,
  seed: number,
  { rows, dim }: FeatureMatrix,
  knnAccuracy: number | undefined,
): string {
  const accuracy =
    knnAccuracy === undefined ? '' : ` kNN accuracy of these features: ${(100 * knnAccuracy).toFixed(1)} %.`;
  return `${title}, seed ${seed}, ${rows} images, ${dim} features.${accuracy} ${NOT_MEANINGFUL}`;
}
