import * as tf from '@tensorflow/tfjs-core';
import { nonNegative, oneOf, positive, resolveOptions, within } from '../options.js';
import type { Optimizer } from './optimizer.js';
import { accumulate, addDecay, descend, isVector, moveEach, zeroSlots } from './parameters.js';

/** Whose LARS: the published implementations differ in norm, order and guards. */
export type LarsDialect = 'lightly' | 'solo' | 'openSelfSup' | 'mocoV3';

export interface LarsOptions {
  /** Base learning rate, before scaling and schedule. > 0. */
  learningRate: number;
  /** Which implementation to follow, see {@link lars}. Default `lightly`. */
  dialect?: LarsDialect;
  /** μ in [0, 1]. Default 0.9. */
  momentum?: number;
  /** L2 factor. ≥ 0; at 0 `lightly` does not scale either. Default 1e-6 (SimCLR, BYOL, MoCo v3). */
  weightDecay?: number;
  /** η > 0, share of the weight's norm that a step may move. Default 0.001; solo-learn's recipes use 0.02. */
  trust?: number;
  /** `solo` only: never scale the rate up, local ← min(local / lr, 1). Default false; solo-learn's recipes set it. */
  clip?: boolean;
  /** No decay and no scaling on biases, norms and other vectors. Default true. */
  excludeVectors?: boolean;
}

export const LARS_DEFAULTS: Readonly<Required<Omit<LarsOptions, 'learningRate'>>> = {
  dialect: 'lightly',
  momentum: 0.9,
  weightDecay: 1e-6,
  trust: 0.001,
  clip: false,
  excludeVectors: true,
};

const EPSILON = 1e-8;

/**
 * Layer-wise adaptive rate scaling. With w = ‖p‖, γ = ‖g‖ of one weight:
 *
 * - `lightly`, `solo`: local = η·w/(γ + wd·w + 1e-8), v ← μv + local·(g + wd·p), p ← p − lr·v. If w or γ is 0: neither scaling nor
 *   decay; with `lightly` also if wd is 0.
 * - `openSelfSup` (BYOL, RegionCL): local without the 1e-8, the rate inside the velocity: v ← μv + lr·local·(g + wd·p), p ← p − v.
 *   No guard: a weight that is 0 never moves (local = 0), one without gradient decays by η.
 * - `mocoV3` (also SNCLR): local = η·w/‖g + wd·p‖, 1 if either norm is 0, else as `lightly`, decay always.
 *
 * Excluded weights: momentum SGD.
 * Slots: `velocity/<path>`.
 *
 * @throws SslError `BAD_OPTION`. Source: You et al. 2017, arXiv 1708.03888; spec "hosts" section 1.
 */
export function lars(options: LarsOptions): Optimizer {
  const defaults = { learningRate: undefined as unknown as number, ...LARS_DEFAULTS };
  const o = resolveOptions('lars', defaults, options, (given) => [
    ...positive(given, 'learningRate', 'trust'),
    ...within(0, 1, given, 'momentum'),
    ...nonNegative(given, 'weightDecay'),
    ...oneOf(given, 'dialect', Object.keys(SCALED) as LarsDialect[]),
    ...(given.clip && given.dialect !== 'solo'
      ? [{ option: 'clip', problem: `belongs to dialect solo, but dialect is ${given.dialect}` }]
      : []),
  ]);
  return {
    name: 'lars',
    options: { ...o },
    learningRate: o.learningRate,
    slots: (parameters) => zeroSlots(['velocity'], parameters),
    update: (parameters, gradients, slots, rates) =>
      moveEach('lars', parameters, gradients, rates, (parameter, gradient, rate) => {
        const { path, variable } = parameter;
        const isPlain = o.excludeVectors && isVector(parameter);
        const step = isPlain ? gradient : SCALED[o.dialect](variable, gradient, rate, o);
        const velocity = slots[`velocity/${path}`]!;
        if (o.dialect === 'openSelfSup') {
          variable.assign(tf.sub(variable, accumulate(velocity, o.momentum, tf.mul(step, rate))));
        } else descend(variable, rate, accumulate(velocity, o.momentum, step));
      }),
  };
}

type Settings = Readonly<Required<LarsOptions>>;
type Scaled = (weight: tf.Tensor, gradient: tf.Tensor, rate: tf.Scalar, settings: Settings) => tf.Tensor;

/** Decayed and scaled gradient of one weight, by dialect. */
const SCALED: Readonly<Record<LarsDialect, Scaled>> = {
  lightly: (weight, gradient, _rate, settings) =>
    settings.weightDecay === 0 ? gradient : guarded(weight, gradient, settings, (local) => local),
  solo: (weight, gradient, rate, settings) =>
    guarded(weight, gradient, settings, (local) => (settings.clip ? tf.minimum(tf.div(local, rate), 1) : local)),
  openSelfSup: (weight, gradient, _rate, { weightDecay, trust }) => {
    const [w, g] = [norm(weight), norm(gradient)];
    const sum = tf.add(g, tf.mul(w, weightDecay));
    const local = ratio(tf.mul(w, trust), sum, tf.greater(sum, 0)); // 0/0: nothing to move
    return tf.mul(addDecay(gradient, weightDecay, weight), local);
  },
  mocoV3: (weight, gradient, _rate, { weightDecay, trust }) => {
    const step = addDecay(gradient, weightDecay, weight);
    const [w, s] = [norm(weight), norm(step)];
    return tf.mul(step, ratio(tf.mul(w, trust), s, both(w, s)));
  },
};

function guarded(
  weight: tf.Tensor,
  gradient: tf.Tensor,
  { weightDecay, trust }: Settings,
  limit: (local: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const [w, g] = [norm(weight), norm(gradient)];
  const local = limit(tf.div(tf.mul(w, trust), tf.add(tf.add(g, tf.mul(w, weightDecay)), EPSILON)));
  const moved = both(w, g);
  const decay = tf.where(moved, tf.mul(local, weightDecay), tf.zerosLike(local));
  return tf.add(tf.mul(gradient, tf.where(moved, local, tf.onesLike(local))), tf.mul(weight, decay));
}

const norm = (x: tf.Tensor): tf.Tensor => tf.sqrt(tf.sum(tf.square(x)));
const both = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => tf.logicalAnd(tf.greater(a, 0), tf.greater(b, 0));
/** a / b, or 1 where not `valid`; the division never sees a 0 there. */
const ratio = (a: tf.Tensor, b: tf.Tensor, valid: tf.Tensor): tf.Tensor =>
  tf.where(valid, tf.div(a, tf.where(valid, b, tf.onesLike(b))), tf.onesLike(b));
