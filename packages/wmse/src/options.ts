import { integerAtLeast, type OptionIssue, oneOf, resolveOptions, within } from '@contrastive/core';
import type { Whitening } from './whitening/whiten.js';

/** Options of {@link wmse}. "Official code" is the authors' PyTorch code; "ours" marks what it does not have. */
export interface WmseOptions {
  /** d ≥ 2 views per image, d (d − 1) / 2 pairs. Default 2; the paper's "W-MSE 4" has 4 at half the batch. */
  readonly views?: number;
  /**
   * `normalized`: 2 − 2 cos of the whitened rows (default, official code); `euclidean`: mean square of their difference's entries
   * (official code with normalisation off).
   */
  readonly distance?: 'normalized' | 'euclidean';
  /** Default `cholesky` (official code). The others are ours; see `whiten`. `none` collapses, `pca` needs joint statistics. */
  readonly whitening?: Whitening;
  /** Mean and covariance of each view on its own (default, official code) or of all views of a slice together (ours). */
  readonly statistics?: 'perView' | 'joint';
  /** w, images in a slice; divides the batch. Default `auto`: 2 k, as in every official run; k / (2 groups) with channel whitening. */
  readonly sliceSize?: number | 'auto';
  /** Fresh slicings per step (w_iter), ≥ 1. Default 1; official runs on STL-10 and Tiny ImageNet have 4. No effect with one slice. */
  readonly iterations?: number;
  /**
   * Shrinkage ε of S = (1 − ε) Σ + ε I, in [0, 1). Default 0 (official code). `auto` (ours) takes, slice by slice, the first of
   * 0, 1e-6, 1e-4, 1e-3, 1e-2 that makes S safely positive definite.
   */
  readonly eps?: number | 'auto';
  /** Slices of a random permutation (default, official code) or of consecutive images (the authors' TensorFlow loss). */
  readonly slicing?: 'permuted' | 'contiguous';
  /**
   * Whose images a slice is cut from, with several workers: of all of them, gathered with gradient (`global`, default, as the official
   * code whitens what it gathers from its devices), or each worker's own (`worker`, solo-learn), which whitens less on each.
   */
  readonly sliceScope?: 'global' | 'worker';
  /** `none`: both members of a pair get gradient (default, official code); `second`: only the first (solo-learn's code, for comparison). */
  readonly stopGrad?: 'none' | 'second';
  /** Keep running mean and covariance (momentum 0.01) as state `mean`, `covariance`. Training does not use them. Default false (official code). */
  readonly runningStats?: boolean;
  /**
   * Random groups of channels for channel whitening (CW-RGP, a later method): rows instead of features are decorrelated, over the
   * channels of a group. 0 = off (default).
   */
  readonly channelGroups?: number;
  /** Steps of `newton`, 1 to 10. Default 10; 5 whiten only partly (ours). */
  readonly newtonSteps?: number;
  /** Accept slices between k + 1 and 2 k rows. Default false. */
  readonly allowSmallSlice?: boolean;
}

export type ResolvedWmseOptions = Readonly<Required<WmseOptions>>;

export const WMSE_DEFAULTS: ResolvedWmseOptions = {
  views: 2,
  distance: 'normalized',
  whitening: 'cholesky',
  statistics: 'perView',
  sliceSize: 'auto',
  iterations: 1,
  eps: 0,
  slicing: 'permuted',
  sliceScope: 'global',
  stopGrad: 'none',
  runningStats: false,
  channelGroups: 0,
  newtonSteps: 10,
  allowSmallSlice: false,
};

/** Fills in the defaults and checks. @throws SslError `BAD_OPTION`. */
export const resolveWmse = (options: WmseOptions): ResolvedWmseOptions =>
  resolveOptions<ResolvedWmseOptions>('wmse', WMSE_DEFAULTS, options, check);

const WHITENINGS: readonly Whitening[] = ['cholesky', 'zca', 'pca', 'newton', 'diagonal', 'none'];

const check = (o: ResolvedWmseOptions): readonly OptionIssue[] => [
  ...integerAtLeast(2, o, 'views'),
  ...oneOf(o, 'distance', ['normalized', 'euclidean']),
  ...oneOf(o, 'whitening', WHITENINGS),
  ...oneOf(o, 'statistics', ['perView', 'joint']),
  ...(o.sliceSize === 'auto' ? [] : integerAtLeast(2, { sliceSize: o.sliceSize }, 'sliceSize')),
  ...integerAtLeast(1, o, 'iterations'),
  ...epsIssues(o),
  ...oneOf(o, 'slicing', ['permuted', 'contiguous']),
  ...oneOf(o, 'sliceScope', ['global', 'worker']),
  ...oneOf(o, 'stopGrad', ['none', 'second']),
  ...oneOf(o, 'runningStats', [true, false]),
  ...integerAtLeast(0, o, 'channelGroups'),
  ...integerAtLeast(1, o, 'newtonSteps'),
  ...within(1, 10, o, 'newtonSteps'),
  ...oneOf(o, 'allowSmallSlice', [true, false]),
  ...combinationIssues(o),
];

function epsIssues({ eps, whitening }: ResolvedWmseOptions): readonly OptionIssue[] {
  if (eps === 'auto') {
    const isExact = whitening === 'cholesky' || whitening === 'zca' || whitening === 'pca';
    return isExact ? [] : [{ option: 'eps', problem: `must be a number with whitening '${whitening}', but is 'auto'` }];
  }
  const isGood = typeof eps === 'number' && eps >= 0 && eps < 1;
  return isGood ? [] : [{ option: 'eps', problem: `must be 'auto' or in [0, 1), but is ${String(eps)}` }];
}

function combinationIssues(o: ResolvedWmseOptions): readonly OptionIssue[] {
  const issues: OptionIssue[] = [];
  if (o.whitening === 'pca' && o.statistics !== 'joint') {
    const problem =
      "must not be 'pca' with statistics 'perView': axes would differ in sign and order from view to view";
    issues.push({ option: 'whitening', problem });
  }
  if (o.channelGroups > 0 && o.statistics === 'joint') {
    issues.push({ option: 'channelGroups', problem: "needs statistics 'perView'" });
  }
  if (o.runningStats && (o.channelGroups > 0 || o.whitening === 'none' || o.whitening === 'diagonal')) {
    issues.push({
      option: 'runningStats',
      problem: "needs a whitening with a k × k covariance: not 'none', 'diagonal' or channelGroups",
    });
  }
  return issues;
}
