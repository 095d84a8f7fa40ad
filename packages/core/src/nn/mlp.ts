import * as tf from '@tensorflow/tfjs-core';
import { type Module, prefixed, type WeightSpecs } from '../module.js';
import { relu } from '../ops/activations.js';
import { batchNorm } from './batch-norm.js';
import { type LinearInit, linear } from './linear.js';

/** One layer of a head: linear, then batch norm, then ReLU, where asked for. */
export interface Layer {
  /** Outputs. */
  readonly width: number;
  /** `frozen`: there, but never trained. Default true. */
  readonly bias?: boolean | 'frozen';
  /** Batch norm: with γ and β (`affine`), without (`plain`), or none. Default `none`. */
  readonly norm?: 'none' | 'affine' | 'plain';
  /** Default false. */
  readonly relu?: boolean;
}

export interface MlpOptions {
  /** Start of kernels and biases. Default `torch`. */
  readonly init?: LinearInit;
  /** Sub-batches of batch norm. Default 1. */
  readonly splits?: number;
}

/**
 * A projector or predictor, stated layer by layer (spec "hosts" sections 4 to 9). [n, inputs] → [n, width of the last layer].
 * Weights `layer<i>/kernel`, `layer<i>/bias`, `layer<i>/norm/…`, i from 0.
 *
 * @example SimSiam's predictor: mlp(2048, [{ width: 512, bias: false, norm: 'affine', relu: true }, { width: 2048 }])
 */
export function mlp(inputs: number, layers: readonly Layer[], { init = 'torch', splits = 1 }: MlpOptions = {}): Module {
  const stack = layers.map(({ width, bias = true, norm = 'none', relu: rectified = false }, i) => {
    const name = `layer${i}`;
    const fan = i === 0 ? inputs : layers[i - 1]!.width;
    return {
      matrix: prefixed(name, linear(fan, width, { bias, init })),
      norm:
        norm === 'none'
          ? undefined
          : prefixed(`${name}/norm`, batchNorm<tf.Tensor2D>(width, { affine: norm === 'affine', splits })),
      rectified,
    };
  });
  return {
    specs: Object.assign({}, ...stack.map(({ matrix, norm }) => ({ ...matrix.specs, ...norm?.specs }))) as WeightSpecs,
    apply: (weights, input, pass) =>
      stack.reduce((x, { matrix, norm, rectified }) => {
        const product = matrix.apply(weights, x, pass);
        const normed = norm === undefined ? product : norm.apply(weights, product, pass);
        return rectified ? relu(normed) : normed;
      }, input),
  };
}

/** `head` on every cell of a map, as 1×1 convolutions would (DenseCL's dense head): [n, g, g, c] → [n, g, g, d]. */
export const onCells = (head: Module): Module<tf.Tensor4D, tf.Tensor4D> => ({
  specs: head.specs,
  apply: (weights, map, pass) => {
    const [n, h, w, c] = map.shape;
    const rows = head.apply(weights, tf.reshape(map, [n * h * w, c]), pass);
    return tf.reshape(rows, [n, h, w, rows.shape[1]]);
  },
});
