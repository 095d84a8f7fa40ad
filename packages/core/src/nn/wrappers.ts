import type * as tf from '@tensorflow/tfjs-core';
import type { Module, Weights } from '../module.js';
import { recompute } from '../stop-gradient.js';

/** `module` whose weights keep the base learning rate while all others are scheduled (SimSiam's predictor, spec "hosts" section 6). */
export const withConstantLr = <I, O>(module: Module<I, O>): Module<I, O> => ({
  ...module,
  specs: Object.fromEntries(Object.entries(module.specs).map(([name, spec]) => [name, { ...spec, constantLr: true }])),
});

/**
 * `module` that keeps only its input for the backward pass and computes itself again there: memory for one more forward pass.
 * Values, gradients and running statistics are the same; the second run moves no statistics.
 */
export function withRecompute<I extends tf.Tensor, O extends tf.Tensor>(module: Module<I, O>): Module<I, O> {
  const trained = Object.entries(module.specs)
    .filter(([, spec]) => spec.role !== 'statistic' && spec.frozen !== true)
    .map(([name]) => name);
  return {
    specs: module.specs,
    apply: (weights, input, pass) => {
      // Weights come as arguments, because a variable that `recompute` only captures would get no gradient.
      const run =
        (moves: boolean) =>
        (...[x, ...given]: tf.Tensor[]): O => {
          const own = Object.fromEntries(trained.map((name, i) => [name, given[i]!])) as Weights;
          return module.apply({ ...weights, ...own }, x as I, { ...pass, updateStats: moves });
        };
      return recompute(run(pass.updateStats), run(false))(input, ...trained.map((name) => weights[name]!));
    },
  };
}
