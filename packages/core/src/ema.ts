import * as tf from '@tensorflow/tfjs-core';
import type { WeightSpecs, Weights } from './module.js';

/**
 * Momentum update of a target network:  θ ← m·θ + (1 − m)·θ_online, over what an optimiser trains. Statistics of batch norm stay
 * the target's own unless `buffers` is set, and frozen weights are the same in both networks (spec "hosts" section 1).
 *
 * @param specs weights of the target; the online network may have more (a predictor).
 * @param momentum m in [0, 1], a scalar that enters the step. At 1 nothing moves, at 0 the online weights are copied.
 * @param options.buffers running statistics are averaged too. Default false.
 */
export function updateEma(
  specs: WeightSpecs,
  target: Weights,
  online: Weights,
  momentum: tf.Scalar,
  { buffers = false }: { readonly buffers?: boolean } = {},
): void {
  tf.tidy(() => {
    const rest = tf.sub(1, momentum);
    for (const [name, spec] of Object.entries(specs)) {
      if ((spec.role === 'statistic' && !buffers) || spec.frozen === true) continue;
      const variable = target[name]!;
      variable.assign(tf.add(tf.mul(variable, momentum), tf.mul(online[name]!, rest)));
    }
  });
}
