import type * as tf from '@tensorflow/tfjs-core';
import type { Initializer, Module, WeightSpec } from '../module.js';
import { dense } from '../ops/dense.js';
import { kaimingNormal, torchUniform, uniform, zeros } from './initializers.js';

/** How kernel and bias start: `torch`, both U(±1/√in); `normalFanIn`, kernel N(0, 2/in), bias 0 (OpenSelfSup's heads). */
export type LinearInit = 'torch' | 'normalFanIn';

export interface LinearOptions {
  /** `frozen`: there, but never trained (the bias before SimSiam's last batch norm). Default true. */
  readonly bias?: boolean | 'frozen';
  /** Default `torch`. */
  readonly init?: LinearInit;
}

const BIAS_INIT: Readonly<Record<LinearInit, (inputs: number) => Initializer>> = {
  torch: (inputs) => uniform(1 / Math.sqrt(inputs)),
  normalFanIn: () => zeros,
};
const KERNEL_INIT: Readonly<Record<LinearInit, Initializer>> = {
  torch: torchUniform,
  normalFanIn: kaimingNormal('fanIn'),
};

/** x W + b on the last axis. Weights `kernel` [inputs, outputs], `bias` [outputs]. */
export function linear<T extends tf.Tensor = tf.Tensor2D>(
  inputs: number,
  outputs: number,
  { bias = true, init = 'torch' }: LinearOptions = {},
): Module<T, T> {
  const biasSpec: WeightSpec = {
    shape: [outputs],
    role: 'bias',
    init: BIAS_INIT[init](inputs),
    ...(bias === 'frozen' ? { frozen: true } : {}),
  };
  return {
    specs: {
      kernel: { shape: [inputs, outputs], role: 'kernel', init: KERNEL_INIT[init] },
      ...(bias === false ? {} : { bias: biasSpec }),
    },
    apply: (weights, x) => dense(x, weights.kernel!, weights.bias),
  };
}
