import type * as tf from '@tensorflow/tfjs-core';
import type { Module, WeightSpecs } from '../module.js';
import { type BatchNormOptions, batchNormalization } from '../ops/batch-norm.js';
import { ones, zeros } from './initializers.js';

export interface BatchNormModuleOptions extends BatchNormOptions {
  /** Whether there are γ and β. Default true. */
  readonly affine?: boolean;
  /** γ starts at 0: the last norm of a residual block that starts as the identity. Default false. */
  readonly zeroInit?: boolean;
}

/**
 * {@link batchNormalization} with weights `gamma`, `beta` (role norm), `mean`, `variance` (role statistic), [c] each. Start: γ = 1, β = 0,
 * running mean 0, running variance 1.
 */
export function batchNorm<T extends tf.Tensor = tf.Tensor4D>(
  channels: number,
  { affine = true, zeroInit = false, ...options }: BatchNormModuleOptions = {},
): Module<T, T> {
  const shape = [channels];
  const scale: WeightSpecs = {
    gamma: { shape, role: 'norm', init: zeroInit ? zeros : ones },
    beta: { shape, role: 'norm', init: zeros },
  };
  return {
    specs: {
      ...(affine ? scale : {}),
      mean: { shape, role: 'statistic', init: zeros },
      variance: { shape, role: 'statistic', init: ones },
    },
    apply: ({ gamma, beta, mean, variance }, x, pass) =>
      batchNormalization(x, { gamma, beta, mean: mean!, variance: variance! }, pass, options),
  };
}
