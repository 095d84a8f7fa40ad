import * as tf from '@tensorflow/tfjs-core';
import { nonNegative, positive, resolveOptions, within } from '../options.js';
import type { Optimizer } from './optimizer.js';
import { accumulate, addDecay, descend, isVector, moveEach, zeroSlots } from './parameters.js';

export interface SgdOptions {
  /** Base learning rate, before scaling and schedule. > 0. */
  learningRate: number;
  /** μ in [0, 1]. Default 0.9 (every recipe of spec "hosts" section 10). */
  momentum?: number;
  /** Look ahead: step along g + μv instead of v. Default false. */
  nesterov?: boolean;
  /** L2 factor, added to the gradient. ≥ 0. Default 1e-4 (MoCo; CIFAR recipes use 5e-4). */
  weightDecay?: number;
  /** No decay on biases, norms and other vectors. Default false: MoCo, SimSiam and DenseCL decay everything (section 13). */
  excludeVectors?: boolean;
}

export const SGD_DEFAULTS: Readonly<Required<Omit<SgdOptions, 'learningRate'>>> = {
  momentum: 0.9,
  nesterov: false,
  weightDecay: 1e-4,
  excludeVectors: false,
};

/**
 * Stochastic gradient descent as in PyTorch:  g ← g + wd·p;  v ← μv + g;  p ← p − lr·v  (Nesterov: p ← p − lr·(g + μv)).
 * No dampening. Slots: `velocity/<path>` if μ > 0.
 *
 * @throws SslError `BAD_OPTION`. Source: spec "hosts" section 1.
 */
export function sgd(options: SgdOptions): Optimizer {
  const defaults = { learningRate: undefined as unknown as number, ...SGD_DEFAULTS };
  const o = resolveOptions('sgd', defaults, options, (given) => [
    ...positive(given, 'learningRate'),
    ...within(0, 1, given, 'momentum'),
    ...nonNegative(given, 'weightDecay'),
    ...(given.nesterov && given.momentum === 0
      ? [{ option: 'nesterov', problem: 'needs momentum > 0, but momentum is 0' }]
      : []),
  ]);
  return {
    name: 'sgd',
    options: { ...o },
    learningRate: o.learningRate,
    slots: (parameters) => zeroSlots(o.momentum === 0 ? [] : ['velocity'], parameters),
    update: (parameters, gradients, slots, rates) =>
      moveEach('sgd', parameters, gradients, rates, (parameter, gradient, rate) => {
        const decay = o.excludeVectors && isVector(parameter) ? 0 : o.weightDecay;
        const g = addDecay(gradient, decay, parameter.variable);
        if (o.momentum === 0) return descend(parameter.variable, rate, g);
        const v = accumulate(slots[`velocity/${parameter.path}`]!, o.momentum, g);
        descend(parameter.variable, rate, o.nesterov ? tf.add(g, tf.mul(v, o.momentum)) : v);
      }),
  };
}
