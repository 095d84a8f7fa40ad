import { integerAtLeast, nonNegative, type OptionIssue, oneOf, positive, resolveOptions, within } from './options.js';
import type { StepInfo } from './plugin.js';

/** A value that changes over a run: learning rate or EMA momentum. A plain function, computed outside the step. */
export type Schedule = (step: StepInfo) => number;

export interface CosineRateOptions {
  /** Value at the end, as a share of the learning rate. In [0, 1]. Default 0; FT 0.001 (spec "ft" section 3). */
  minFactor?: number;
  /** Number that the first epoch counts as. Default 0 (MoCo); FT's code starts with 1. */
  firstEpoch?: 0 | 1;
}
export const COSINE_RATE_DEFAULTS: Readonly<Required<CosineRateOptions>> = { minFactor: 0, firstEpoch: 0 };

export interface WarmupCosineRateOptions {
  /** W: epochs of linear warm-up. ≥ 0. Default 10 (SimCLR, BYOL, solo-learn); ReCo and RegionCL-D 5, MoCo v3 ViT 40. */
  warmupEpochs?: number;
  /**
   * Whose step count. With t and T steps, of which W are warm-up and s = t − W:
   * `mocoV3` lr·t/W, then ½lr(1+cos(πs/(T−W))) (also ReCo, RegionCL-D, SNCLR); `solo` lr₀+t(lr−lr₀)/(W−1), then the
   * same; `lightly` lr(t+1)/W, then ½lr(1+cos(πs/(T−W−1))). Default `mocoV3`.
   */
  dialect?: 'mocoV3' | 'solo' | 'lightly';
  /** lr₀ of dialect `solo`, ≥ 0. Default 3e-5 (solo-learn). */
  warmupStart?: number;
}
export const WARMUP_COSINE_RATE_DEFAULTS: Readonly<Required<WarmupCosineRateOptions>> = {
  warmupEpochs: 10,
  dialect: 'mocoV3',
  warmupStart: 3e-5,
};

export interface StepRateOptions {
  /** Epochs, counted from 0, from which the rate is `factor` times lower. Default [120, 160] (MoCo v1, 200 epochs). */
  milestones?: readonly number[];
  /** > 0. Default 0.1. */
  factor?: number;
}
export const STEP_RATE_DEFAULTS: Readonly<Required<StepRateOptions>> = { milestones: [120, 160], factor: 0.1 };

export interface WarmupStepRateOptions {
  /** Steps of linear warm-up, lr·(t+1)/warmupSteps. ≥ 0. Default 500 (W-MSE). */
  warmupSteps?: number;
  /**
   * Epochs before the end at which the rate drops. A drop before the start of the run or during warm-up does not happen, as in the
   * official loop, whose warm-up overwrites it. Default [50, 25] (W-MSE).
   */
  drops?: readonly number[];
  /** > 0. Default 0.2 (W-MSE). */
  factor?: number;
}
export const WARMUP_STEP_RATE_DEFAULTS: Readonly<Required<WarmupStepRateOptions>> = {
  warmupSteps: 500,
  drops: [50, 25],
  factor: 0.2,
};

/** A learning-rate schedule as data, for configuration files. */
export type RateOptions =
  | { readonly kind: 'constant' }
  | ({ readonly kind: 'cosine' } & CosineRateOptions)
  | ({ readonly kind: 'warmupCosine' } & WarmupCosineRateOptions)
  | ({ readonly kind: 'steps' } & StepRateOptions)
  | ({ readonly kind: 'warmupSteps' } & WarmupStepRateOptions);

/** The schedule that `kind` names, with its other options. @throws SslError `BAD_OPTION`. */
export function rateSchedule(learningRate: number, { kind, ...options }: RateOptions): Schedule {
  resolveOptions('schedule', { kind: '' }, { kind }, (o) => oneOf(o, 'kind', Object.keys(RATES)));
  return RATES[kind](learningRate, options);
}
const RATES: Readonly<Record<RateOptions['kind'], (learningRate: number, options: object) => Schedule>> = {
  constant: (learningRate, options) => {
    resolveOptions('constant schedule', {}, options);
    return constantRate(learningRate);
  },
  cosine: (learningRate, options) => cosineRate(learningRate, options),
  warmupCosine: (learningRate, options) => warmupCosineRate(learningRate, options),
  steps: (learningRate, options) => stepRate(learningRate, options),
  warmupSteps: (learningRate, options) => warmupStepRate(learningRate, options),
};

export const constantRate =
  (learningRate: number): Schedule =>
  () =>
    learningRate;

/**
 * Half a cosine per epoch, without warm-up:  lr₁ + (lr − lr₁)·½(1 + cos(πe/E)),  lr₁ = minFactor·lr.
 * MoCo v1 to v2+, SimSiam, DenseCL, FT, lightly on CIFAR. Source: spec "hosts" section 1.
 *
 * @throws SslError `BAD_OPTION`.
 */
export function cosineRate(learningRate: number, options: CosineRateOptions = {}): Schedule {
  const o = resolveOptions('cosine schedule', COSINE_RATE_DEFAULTS, options, (given) => [
    ...within(0, 1, given, 'minFactor'),
    ...oneOf(given, 'firstEpoch', [0, 1]),
  ]);
  const low = learningRate * o.minFactor;
  return ({ epoch, epochs }) => low + (learningRate - low) * halfCosine((epoch - 1 + o.firstEpoch) / epochs);
}

/**
 * Linear warm-up, then half a cosine to 0, per step. Source: spec "hosts" section 1.
 *
 * @throws SslError `BAD_OPTION`.
 */
export function warmupCosineRate(learningRate: number, options: WarmupCosineRateOptions = {}): Schedule {
  const o = resolveOptions('warm-up cosine schedule', WARMUP_COSINE_RATE_DEFAULTS, options, (given) => [
    ...nonNegative(given, 'warmupEpochs', 'warmupStart'),
    ...oneOf(given, 'dialect', ['mocoV3', 'solo', 'lightly']),
  ]);
  return ({ step, epochs, stepsPerEpoch }) => {
    const warmup = o.warmupEpochs * stepsPerEpoch;
    const rest = epochs * stepsPerEpoch - warmup;
    if (step < warmup) {
      if (o.dialect === 'mocoV3') return (learningRate * step) / warmup;
      if (o.dialect === 'lightly') return (learningRate * (step + 1)) / warmup;
      return o.warmupStart + (step * (learningRate - o.warmupStart)) / Math.max(1, warmup - 1);
    }
    return learningRate * halfCosine(progress(step - warmup, o.dialect === 'lightly' ? rest - 1 : rest));
  };
}

/** lr · factor^(milestones reached), per epoch: MoCo v1, linear probes. Source: spec "hosts" section 1. @throws SslError `BAD_OPTION`. */
export function stepRate(learningRate: number, options: StepRateOptions = {}): Schedule {
  const o = resolveOptions('step schedule', STEP_RATE_DEFAULTS, options, (given) => [
    ...positive(given, 'factor'),
    ...epochList('milestones', given.milestones),
  ]);
  return ({ epoch }) => learningRate * o.factor ** o.milestones.filter((m) => epoch - 1 >= m).length;
}

/** W-MSE's schedule: warm-up over steps, then drops counted from the end. Source: spec "wmse" section 3.1. @throws SslError `BAD_OPTION`. */
export function warmupStepRate(learningRate: number, options: WarmupStepRateOptions = {}): Schedule {
  const o = resolveOptions('warm-up step schedule', WARMUP_STEP_RATE_DEFAULTS, options, (given) => [
    ...integerAtLeast(0, given, 'warmupSteps'),
    ...positive(given, 'factor'),
    ...epochList('drops', given.drops),
  ]);
  return ({ step, epoch, epochs, stepsPerEpoch }) => {
    if (step < o.warmupSteps) return (learningRate * (step + 1)) / o.warmupSteps;
    const starts = o.drops.map((drop) => epochs - drop);
    const reached = starts.filter((e) => e >= 0 && e * stepsPerEpoch >= o.warmupSteps && epoch - 1 >= e);
    return learningRate * o.factor ** reached.length;
  };
}

export interface MomentumOptions {
  /** m₀ at the start, in [0, 1]. Default 0.99 (BYOL with up to 300 epochs, MoCo v3). */
  base?: number;
  /** m₁ at the end, in [0, 1]. Default 1. Ignored by `constant`. */
  final?: number;
  /**
   * `constant`: m₀ throughout (MoCo, ReCo). `cosine`: m₁ − (m₁−m₀)·½(1+cos(πt/T)) at step t of T (BYOL, MoCo v3, SNCLR, solo-learn).
   * `cosineLightly`: t/(T−1) instead, so that the last step has m₁. Default `cosine`.
   */
  kind?: 'constant' | 'cosine' | 'cosineLightly';
  /**
   * Whether batch norm's running statistics of the target are averaged with the online network's as well. Default false: they are
   * the target's own. RegionCL's released code can do so, but does not. Only matters where the target is evaluated.
   */
  buffers?: boolean;
}
export const MOMENTUM_DEFAULTS: Readonly<Required<MomentumOptions>> = {
  base: 0.99,
  final: 1,
  kind: 'cosine',
  buffers: false,
};

/** EMA momentum over the steps of a run. Source: spec "hosts" section 1. @throws SslError `BAD_OPTION`. */
export function momentumSchedule(options: MomentumOptions = {}): Schedule {
  const o = resolveOptions('momentum schedule', MOMENTUM_DEFAULTS, options, (given) => [
    ...within(0, 1, given, 'base', 'final'),
    ...oneOf(given, 'kind', ['constant', 'cosine', 'cosineLightly']),
    ...oneOf(given, 'buffers', [true, false]),
  ]);
  if (o.kind === 'constant') return () => o.base;
  return ({ step, epochs, stepsPerEpoch }) => {
    const steps = epochs * stepsPerEpoch;
    return o.final - (o.final - o.base) * halfCosine(progress(step, o.kind === 'cosine' ? steps : steps - 1));
  };
}

/** Learning rate for a batch of another size, in proportion:  rate · batch / reference  (Goyal et al. 2017, arXiv 1706.02677). */
export const scaleLinearly = (rate: number, batch: number, reference = 256): number => (rate * batch) / reference;

/** Learning rate by the root of the batch size:  rate · √batch  (SimCLR with rate 0.075, arXiv 2002.05709 appendix B.1). */
export const scaleByRoot = (rate: number, batch: number): number => rate * Math.sqrt(batch);

/** Share of the way, 1 from `last` on (also if there is no way). */
const progress = (step: number, last: number): number => (step >= last ? 1 : step / last);

/** ½(1 + cos πx): 1 at 0, 0 from 1 on. */
const halfCosine = (x: number): number => (x >= 1 ? 0 : (1 + Math.cos(Math.PI * x)) / 2);

const epochList = (option: string, values: readonly number[]): OptionIssue[] =>
  Array.isArray(values) && values.every((v) => Number.isFinite(v) && v >= 0)
    ? []
    : [{ option, problem: `must be a list of epochs ≥ 0, but is ${JSON.stringify(values)}` }];
