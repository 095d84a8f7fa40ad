import { type FeatureMatrix, requireFeatures } from '../features.js';
import { alignment, featureStd, pairStatistics } from './pairs.js';
import { entropyRank, participationRatio, RANK_EPSILON, spectra } from './spectrum.js';

export interface RepresentationOptions {
  /** Second views of the same images under training augmentation, for alignment; without them it is not computed. */
  readonly positives?: FeatureMatrix | undefined;
  /** Added to every share of RankMe. Default 1e-7. */
  readonly rankEpsilon?: number | undefined;
}

/** Label-free measures of one feature matrix. `rows` and `dim` belong to every number: ranks compare only at equal sizes. */
export interface RepresentationMetrics {
  readonly rows: number;
  readonly dim: number;
  /** See {@link alignment}; `undefined` without positives. */
  readonly alignment: number | undefined;
  readonly uniformity: number;
  readonly meanAbsCosine: number;
  readonly featureStd: number;
  /** Entropy rank of the singular values of F, not centred (Garrido et al. 2023): 1 … min(rows, dim). */
  readonly rankMe: number;
  /** Entropy rank of the covariance's eigenvalues, nothing added to their shares (Roy and Vetterli 2007): ≤ dim. */
  readonly effectiveRank: number;
  readonly participationRatio: number;
  /** Largest over smallest covariance eigenvalue; `Infinity` if a direction has no variance. */
  readonly condition: number;
  /** Cumulative share of variance of the leading directions, [dim]; a cliff shows dimensional collapse. All zero if nothing varies. */
  readonly explainedVariance: Float64Array;
  readonly covarianceEigenvalues: Float64Array;
  readonly singularValues: Float64Array;
}

/**
 * All label-free measures of section 8 but LiDAR, which needs several views an image (see {@link lidar}).
 *
 * @param features [n, dim] of un-augmented images; n = 2000 … 25,600. Log encoder and projector outputs separately.
 * @throws SslError `DATA` below two rows, `SHAPE_MISMATCH`, `NOT_FINITE`.
 * @example F = [[3, 0], [0, 1], [3, 0], [0, −1]]: rankMe 1.754765, effectiveRank 1.606631, participationRatio 1.423529.
 * Source: spec "evaluation" section 8, example C.
 */
export async function representationMetrics(
  features: FeatureMatrix,
  { positives, rankEpsilon = RANK_EPSILON }: RepresentationOptions = {},
): Promise<RepresentationMetrics> {
  requireFeatures('representationMetrics', 'features', features);
  const { singularValues: sigma, covarianceEigenvalues: lambda } = spectra(features);
  return {
    rows: features.rows,
    dim: features.dim,
    alignment: positives === undefined ? undefined : alignment(features, positives),
    ...(await pairStatistics(features)),
    featureStd: featureStd(features),
    rankMe: entropyRank(sigma, rankEpsilon),
    effectiveRank: entropyRank(lambda, 0),
    participationRatio: participationRatio(lambda),
    condition: conditionNumber(lambda),
    explainedVariance: cumulativeShare(lambda),
    covarianceEigenvalues: lambda,
    singularValues: sigma,
  };
}

/** Largest over smallest; eigenvalues below the rounding of the largest (dim·2⁻⁵²) count as none. */
function conditionNumber(lambda: Float64Array): number {
  const largest = lambda[0]!;
  const smallest = lambda.at(-1)!;
  return smallest <= largest * lambda.length * Number.EPSILON ? Number.POSITIVE_INFINITY : largest / smallest;
}

function cumulativeShare(lambda: Float64Array): Float64Array {
  const total = lambda.reduce((a, b) => a + b, 0);
  let sum = 0;
  return lambda.map((v) => {
    sum += v;
    return total === 0 ? 0 : sum / total;
  });
}
