import {
  integerAtLeast,
  nonNegative,
  type OptionIssue,
  oneOf,
  positive,
  resolveOptions,
  type ViewRecipe,
  within,
} from '@contrastive/core';
import type { Divergence } from './relation.js';

/**
 * Options of {@link reco}. "Official code" is the released training code for MoCo v2; "ours" marks what the paper's code does not
 * have. Temperatures have no unit; cosines are divided by them.
 */
export interface RecoOptions {
  /** λ₁, weight of the distribution relation, ≥ 0; 0 also saves its pass and its view. Default 1 (official code and its precursor). */
  readonly lambda1?: number;
  /** λ₂, weight of the interpolation relation, ≥ 0; 0 also saves its pass. Default 1 (official code; the precursor has 2). */
  readonly lambda2?: number;
  /**
   * Last epoch trained without the two terms, while the bank fills; epochs count from 1. Default 0, from the start (official code). On
   * small data the queue holds random rows for a large part of the first epoch, and both terms then drive all embeddings together: 1
   * is advised there (ours).
   */
  readonly startEpoch?: number;
  /** τ_s of the student's distribution, > 0. Default 0.1 (official code). */
  readonly studentTemperature?: number;
  /** τ_t of the teacher's distribution, > 0; sharper than the student's. Default 0.04 (official code; its help text says 0.1). */
  readonly teacherTemperature?: number;
  /**
   * a of Beta(a, a) for the mixing ratio, > 0. Default 1, uniform (official code). `decreasing` is the schedule that the code
   * keeps commented out: max(exp(1.6 − ln(0.07 e + 1)), 0.5) rounded to 2 decimals, e = epochs done.
   */
  readonly alpha?: number | 'decreasing';
  /** Default `cutmix` (official code). `mixup` and `random`, a coin flip per batch, are disabled branches of it. */
  readonly mix?: 'cutmix' | 'mixup' | 'random';
  /** One ratio and box for the `batch` (default, official code) or one per `sample` (ours). */
  readonly granularity?: 'batch' | 'sample';
  /**
   * Boxes that cover a smaller share of the image are drawn again (ratio and centre, at most 200 times), 0 to 0.5. Default 0, never
   * (official code, which has 1/196 commented out).
   */
  readonly boxMinArea?: number;
  /** View whose pixels are pasted, and whose feature is mixed in: `key` = view2, target (default, official code); `query` = view1 (ours). */
  readonly mixSource?: 'key' | 'query';
  /** Feature of the kept pixels: `online` = the anchors' (default, official code); `momentum` = target branch on view1, one more pass (ours). */
  readonly localFeature?: 'online' | 'momentum';
  /**
   * How the mixed image is held to the mixed feature: `infoNce` against the host's negatives, or own keys where it has none (default,
   * official code); `cosine`: −cos, without negatives (ours).
   */
  readonly localTarget?: 'infoNce' | 'cosine';
  /**
   * τ of the `infoNce` target. Default `host`: the temperature of the host's comparison (official code); 0.2, the official command's,
   * where the host's objective has none.
   */
  readonly localTemperature?: number | 'host';
  /** View that the teacher sees: a `weak` one (crop and flip, default, official code) or `strong` = view2, no pass of its own (ours). */
  readonly teacherView?: 'weak' | 'strong';
  /** Recipe of the weak view. Default `derived`: crop and flip of view1's recipe (official code: the same crop as the strong view). */
  readonly weakRecipe?: ViewRecipe | 'derived';
  /**
   * Images that the two distributions range over: `own` = a queue of the teacher's earlier rows (official code); `host` = the host's
   * negatives; `batch` = the teacher's rows of the other images (ours). Default `auto`: `batch` where negatives come from the online
   * network's own batch (SimCLR), else `own`.
   */
  readonly relationBank?: 'auto' | 'own' | 'host' | 'batch';
  /** Rows of own queues, a multiple of the batch. Default `host`: as many as the host's negatives (official code); ≤ 4096 where it has none. */
  readonly bankSize?: number | 'host';
  /** Default `crossEntropy` (official code); others are ours, see {@link Divergence}. */
  readonly divergence?: Divergence;
  /** Whether the mixed pass moves the running statistics of batch norm. Default true (official code). */
  readonly bnStatsFromMixed?: boolean;
  /** Whether the host's own loss stays. Default true; false is an ablation row (ours). */
  readonly hostLoss?: boolean;
  /** Loss term of the host whose comparison gives anchors, temperature and negatives. Default `global`. */
  readonly term?: string;
}

export type ResolvedRecoOptions = Readonly<Required<RecoOptions>>;

export const RECO_DEFAULTS: ResolvedRecoOptions = {
  lambda1: 1,
  lambda2: 1,
  startEpoch: 0,
  studentTemperature: 0.1,
  teacherTemperature: 0.04,
  alpha: 1,
  mix: 'cutmix',
  granularity: 'batch',
  boxMinArea: 0,
  mixSource: 'key',
  localFeature: 'online',
  localTarget: 'infoNce',
  localTemperature: 'host',
  teacherView: 'weak',
  weakRecipe: 'derived',
  relationBank: 'auto',
  bankSize: 'host',
  divergence: 'crossEntropy',
  bnStatsFromMixed: true,
  hostLoss: true,
  term: 'global',
};

/** Fills in the defaults and checks. @throws SslError `BAD_OPTION`. */
export const resolveReco = (options: RecoOptions): ResolvedRecoOptions =>
  resolveOptions<ResolvedRecoOptions>('reco', RECO_DEFAULTS, options, check);

const check = (o: ResolvedRecoOptions): readonly OptionIssue[] => [
  ...nonNegative(o, 'lambda1', 'lambda2'),
  ...integerAtLeast(0, o, 'startEpoch'),
  ...positive(o, 'studentTemperature', 'teacherTemperature'),
  ...numberOr(o, 'alpha', 'decreasing', (v) => v > 0, 'a number > 0'),
  ...oneOf(o, 'mix', ['cutmix', 'mixup', 'random']),
  ...oneOf(o, 'granularity', ['batch', 'sample']),
  ...within(0, 0.5, o, 'boxMinArea'),
  ...oneOf(o, 'mixSource', ['key', 'query']),
  ...oneOf(o, 'localFeature', ['online', 'momentum']),
  ...oneOf(o, 'localTarget', ['infoNce', 'cosine']),
  ...numberOr(o, 'localTemperature', 'host', (v) => v > 0, 'a number > 0'),
  ...oneOf(o, 'teacherView', ['weak', 'strong']),
  ...weakRecipeIssues(o),
  ...oneOf(o, 'relationBank', ['auto', 'own', 'host', 'batch']),
  ...numberOr(o, 'bankSize', 'host', (v) => Number.isSafeInteger(v) && v > 0, 'an integer ≥ 1'),
  ...oneOf(o, 'divergence', ['crossEntropy', 'reverseKl', 'symmetric']),
  ...oneOf(o, 'bnStatsFromMixed', [true, false]),
  ...oneOf(o, 'hostLoss', [true, false]),
  ...(typeof o.term === 'string' && o.term !== ''
    ? []
    : [{ option: 'term', problem: 'must be the name of a loss term' }]),
  ...(!o.hostLoss && o.startEpoch > 0
    ? [{ option: 'startEpoch', problem: 'must be 0 if hostLoss is false: no loss would be left before it' }]
    : []),
  ...(!o.hostLoss && o.lambda1 === 0 && o.lambda2 === 0
    ? [{ option: 'hostLoss', problem: 'must be true if lambda1 and lambda2 are 0: no loss would be left' }]
    : []),
];

function weakRecipeIssues(o: ResolvedRecoOptions): readonly OptionIssue[] {
  const { weakRecipe, teacherView } = o;
  if (weakRecipe === 'derived') return [];
  if (typeof weakRecipe !== 'object' || weakRecipe === null || !Array.isArray(weakRecipe.steps)) {
    return [{ option: 'weakRecipe', problem: `must be a view recipe or 'derived', but is ${String(weakRecipe)}` }];
  }
  return teacherView === 'weak' ? [] : [{ option: 'weakRecipe', problem: "is only used with teacherView 'weak'" }];
}

/** An option that is a number or one word. */
function numberOr<K extends keyof ResolvedRecoOptions>(
  options: ResolvedRecoOptions,
  option: K,
  word: string,
  holds: (value: number) => boolean,
  rule: string,
): readonly OptionIssue[] {
  const value = options[option];
  const isGood = value === word || (typeof value === 'number' && Number.isFinite(value) && holds(value));
  return isGood ? [] : [{ option, problem: `must be ${rule} or '${word}', but is ${String(value)}` }];
}

/**
 * Beta parameter of an epoch.
 *
 * @param epoch counted from 1.
 * @example alphaAt('decreasing', 1) // 4.95; epoch 11: 2.91; from epoch 128: 0.5
 */
export function alphaAt(alpha: number | 'decreasing', epoch: number): number {
  if (alpha !== 'decreasing') return alpha;
  const value = Math.max(Math.exp(1.6 - Math.log(0.07 * (epoch - 1) + 1)), 0.5);
  return Math.round(value * 100) / 100;
}
