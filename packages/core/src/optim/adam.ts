import * as tf from '@tensorflow/tfjs-core';
import { nonNegative, type OptionIssue, positive, resolveOptions } from '../options.js';
import type { Optimizer } from './optimizer.js';
import { addDecay, descend, isVector, moveEach, zeroSlots, zeroVariable } from './parameters.js';

export interface AdamOptions {
  /** Base learning rate, before scaling and schedule. > 0. */
  learningRate: number;
  /** Decay of the mean of gradients, in [0, 1). Default 0.9. */
  beta1?: number;
  /** Decay of the mean of squared gradients, in [0, 1). Default 0.999. */
  beta2?: number;
  /** Added to the root of the second moment. > 0. Default 1e-8. */
  epsilon?: number;
  /** ≥ 0. Default: `adam` 1e-6 (W-MSE, spec "wmse" 3.1), `adamW` 0.1 (MoCo v3 ViT, spec "hosts" section 4). */
  weightDecay?: number;
  /** No decay on biases, norms and other vectors. Default false. */
  excludeVectors?: boolean;
}

type AdamDefaults = Readonly<Required<Omit<AdamOptions, 'learningRate'>>>;
export const ADAM_DEFAULTS: AdamDefaults = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 1e-6,
  excludeVectors: false,
};
export const ADAM_W_DEFAULTS: AdamDefaults = { ...ADAM_DEFAULTS, weightDecay: 0.1 };

/**
 * Adam with L2 decay inside the gradient, as in PyTorch:  g ← g + wd·p;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;
 * p ← p − lr · m̂ / (√v̂ + ε),  m̂ = m/(1−β₁ᵗ),  v̂ = v/(1−β₂ᵗ).  The optimiser of W-MSE.
 *
 * Slots: `moment1/<path>`, `moment2/<path>` and the counter `step`. @throws SslError `BAD_OPTION`.
 * Source: Kingma and Ba 2015, arXiv 1412.6980, algorithm 1; spec "wmse" section 3.1.
 */
export const adam = (options: AdamOptions): Optimizer => makeAdam('adam', ADAM_DEFAULTS, options);

/**
 * Adam with decoupled decay:  p ← p − lr·wd·p, then the {@link adam} step without decay in the gradient.
 *
 * Source: Loshchilov and Hutter 2019, arXiv 1711.05101; spec "hosts" section 1.
 */
export const adamW = (options: AdamOptions): Optimizer => makeAdam('adamW', ADAM_W_DEFAULTS, options);

function makeAdam(name: 'adam' | 'adamW', defaults: AdamDefaults, options: AdamOptions): Optimizer {
  const required = { learningRate: undefined as unknown as number, ...defaults };
  const o = resolveOptions(name, required, options, (given) => [
    ...positive(given, 'learningRate', 'epsilon'),
    ...nonNegative(given, 'weightDecay'),
    ...decayRate('beta1', given.beta1),
    ...decayRate('beta2', given.beta2),
  ]);
  return {
    name,
    options: { ...o },
    learningRate: o.learningRate,
    slots: (parameters) => ({ step: zeroVariable([]), ...zeroSlots(['moment1', 'moment2'], parameters) }),
    update: (parameters, gradients, slots, rates) =>
      tf.tidy(() => {
        const step = slots.step!;
        step.assign(tf.add(step, 1));
        const correction1 = oneMinusPower(o.beta1, step);
        const correction2 = tf.sqrt(oneMinusPower(o.beta2, step));
        moveEach(name, parameters, gradients, rates, (parameter, gradient, rate) => {
          const { path, variable } = parameter;
          const decay = o.excludeVectors && isVector(parameter) ? 0 : o.weightDecay;
          const g = name === 'adam' ? addDecay(gradient, decay, variable) : gradient;
          const mean = average(slots[`moment1/${path}`]!, o.beta1, g);
          const square = average(slots[`moment2/${path}`]!, o.beta2, tf.square(g));
          const direction = tf.div(mean, tf.add(tf.div(tf.sqrt(square), correction2), o.epsilon));
          if (name === 'adamW' && decay !== 0) descend(variable, rate, tf.mul(variable, decay));
          descend(variable, tf.div(rate, correction1), direction);
        });
      }),
  };
}

const decayRate = (option: string, value: number): OptionIssue[] =>
  value >= 0 && value < 1 ? [] : [{ option, problem: `must be in [0, 1), but is ${value}` }];

/** 1 − βᵗ. By expm1: in float32, 1 − 0.999 alone would be off by 1e-5. */
const oneMinusPower = (beta: number, t: tf.Tensor): tf.Tensor =>
  beta === 0 ? tf.onesLike(t) : tf.neg(tf.expm1(tf.mul(t, Math.log(beta))));

/** average ← β × average + (1 − β) × value; returns the new average. */
function average(variable: tf.Variable, beta: number, value: tf.Tensor): tf.Tensor {
  variable.assign(tf.add(tf.mul(variable, beta), tf.mul(value, 1 - beta)));
  return variable;
}
