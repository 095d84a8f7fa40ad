import { integerAtLeast, type OptionIssue, oneOf, positive, resolveOptions } from '@contrastive/core';

/** How many coefficients a step draws: one (`step`), one per row, per dimension, or per row and dimension (`element`). */
export type Granularity = 'step' | 'row' | 'dim' | 'element';

/** Options of {@link ft}. "Official" is the command that the paper's code publishes; "ours" is not in that code. */
export interface FtOptions {
  /** What is transformed. Default `posneg` (official; the code's bare flag default is `neg`). */
  readonly target?: 'pos' | 'neg' | 'posneg';
  /**
   * `extrapolate` pushes anchor and positive apart along their chord, λ_ex in (1, 2) (default, official); `interpolate` pulls them
   * together, λ_ex in (0, 1), the code's ablation.
   */
  readonly positiveMode?: 'extrapolate' | 'interpolate';
  /** λ_ex: drawn from Beta(alphaEx, alphaEx) or uniformly, plus 1 in `extrapolate`; or a fixed number. Default `beta` (official). */
  readonly lambdaEx?: 'beta' | 'uniform' | number;
  /** λ_in: drawn from Beta(alphaIn, alphaIn) or uniformly, or a fixed number in [0, 1]; 1 leaves negatives alone. Default `beta` (official). */
  readonly lambdaIn?: 'beta' | 'uniform' | number;
  /** a of the Beta of λ_ex, > 0. Default 2.0 (official). */
  readonly alphaEx?: number;
  /** a of the Beta of λ_in, > 0. Default 1.6 (official). */
  readonly alphaIn?: number;
  /** Default `step`, one λ_ex for the whole batch (official). `element` is the code's dimension-level mixing; `row`, `dim` are ours. */
  readonly positiveGranularity?: Granularity;
  /**
   * Default `step`, one λ_in for the whole queue (official). `row` and `element` draw as many numbers as the queue has rows or
   * elements: with Beta, 8.4 million of them take seconds a step.
   */
  readonly negativeGranularity?: Granularity;
  /** Which of them move: `both` (default, official), only the `anchor`, only the `positive` (ours). */
  readonly move?: 'both' | 'anchor' | 'positive';
  /** True cuts the gradient that reaches the anchor through the moved positive. Default false (official). */
  readonly detachPositive?: boolean;
  /** Negatives are scored with the `moved` anchor (default, official) or with the `original` one (ours). */
  readonly negativesScoredWith?: 'moved' | 'original';
  /** Mixed negatives `replace` the originals (default, official) or are appended to them: 2K negatives (ours). */
  readonly negativeMode?: 'replace' | 'append';
  /**
   * Rows scaled to unit length again after the transform. Default `auto`: `off` (official), but `pos` where the objective is linear in
   * the score (SimSiam, BYOL), since there an un-normalised factor only scales the gradient.
   */
  readonly postNorm?: 'auto' | 'off' | 'pos' | 'neg' | 'all';
  /** Last epoch trained without FT; epochs count from 1. Default 0, on from the start (official). */
  readonly startEpoch?: number;
  /** Last epoch trained with FT, or `last` (default) for the run's last (ours). */
  readonly endEpoch?: number | 'last';
  /** Loss terms whose pairs are transformed. Default `['global']`, the image-level term of every host. */
  readonly terms?: readonly string[];
}

export type ResolvedFtOptions = Readonly<Required<FtOptions>>;

export const FT_DEFAULTS: ResolvedFtOptions = {
  target: 'posneg',
  positiveMode: 'extrapolate',
  lambdaEx: 'beta',
  lambdaIn: 'beta',
  alphaEx: 2.0,
  alphaIn: 1.6,
  positiveGranularity: 'step',
  negativeGranularity: 'step',
  move: 'both',
  detachPositive: false,
  negativesScoredWith: 'moved',
  negativeMode: 'replace',
  postNorm: 'auto',
  startEpoch: 0,
  endEpoch: 'last',
  terms: ['global'],
};

/** Fills in the defaults and checks. @throws SslError `BAD_OPTION`. */
export const resolveFt = (options: FtOptions): ResolvedFtOptions =>
  resolveOptions<ResolvedFtOptions>('ft', FT_DEFAULTS, options, check);

const GRANULARITIES = ['step', 'row', 'dim', 'element'] as const;

const check = (o: ResolvedFtOptions): readonly OptionIssue[] => [
  ...oneOf(o, 'target', ['pos', 'neg', 'posneg']),
  ...oneOf(o, 'positiveMode', ['extrapolate', 'interpolate']),
  ...coefficient(o, 'lambdaEx', o.positiveMode === 'interpolate' ? [0, 1] : [1, 2]),
  ...coefficient(o, 'lambdaIn', [0, 1]),
  ...positive(o, 'alphaEx', 'alphaIn'),
  ...oneOf(o, 'positiveGranularity', GRANULARITIES),
  ...oneOf(o, 'negativeGranularity', GRANULARITIES),
  ...oneOf(o, 'move', ['both', 'anchor', 'positive']),
  ...oneOf(o, 'detachPositive', [true, false]),
  ...oneOf(o, 'negativesScoredWith', ['moved', 'original']),
  ...oneOf(o, 'negativeMode', ['replace', 'append']),
  ...oneOf(o, 'postNorm', ['auto', 'off', 'pos', 'neg', 'all']),
  ...integerAtLeast(0, o, 'startEpoch'),
  ...endEpochIssues(o),
  ...termsIssues(o),
];

function coefficient(
  o: ResolvedFtOptions,
  option: 'lambdaEx' | 'lambdaIn',
  [low, high]: readonly [number, number],
): readonly OptionIssue[] {
  const value = o[option];
  if (value === 'beta' || value === 'uniform') return [];
  if (typeof value === 'number' && value >= low && value <= high) return [];
  return [{ option, problem: `must be 'beta', 'uniform' or between ${low} and ${high}, but is ${String(value)}` }];
}

function endEpochIssues({ startEpoch, endEpoch }: ResolvedFtOptions): readonly OptionIssue[] {
  if (endEpoch === 'last' || (Number.isSafeInteger(endEpoch) && endEpoch > startEpoch)) return [];
  return [
    { option: 'endEpoch', problem: `must be 'last' or an integer > startEpoch (${startEpoch}), but is ${endEpoch}` },
  ];
}

function termsIssues({ terms }: ResolvedFtOptions): readonly OptionIssue[] {
  const isGood = Array.isArray(terms) && terms.length > 0 && terms.every((t) => typeof t === 'string');
  return isGood ? [] : [{ option: 'terms', problem: `must be a list of at least one term's name, but is ${terms}` }];
}
