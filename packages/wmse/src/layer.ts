import { integerAtLeast, type Module, oneOf, resolveOptions, SslError, within, withoutTape } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { moveRunning, STATS_MOMENTUM } from './running.js';
import { type ExactMethod, inverseRoot, notWhitenable } from './whitening/factors.js';
import { epsilonsOf, whiten } from './whitening/whiten.js';

export interface WhiteningLayerOptions {
  /** Default `cholesky` (official code). */
  readonly method?: ExactMethod;
  /** Shrinkage ε in [0, 1), or `auto`; see `whiten`. Default 0 (official code). */
  readonly eps?: number | 'auto';
  /** Rows that are whitened together, cut in the order of the batch; divides it. Default `all`. */
  readonly sliceSize?: number | 'all';
  /** Share of a slice in the running statistics, in [0, 1]. Default 0.01 (official code, lightly). */
  readonly momentum?: number;
}

export const WHITENING_LAYER_DEFAULTS: Readonly<Required<WhiteningLayerOptions>> = {
  method: 'cholesky',
  eps: 0,
  sliceSize: 'all',
  momentum: STATS_MOMENTUM,
};

/**
 * Whitening as a layer, [n, k] → [n, k], for example in place of the last batch norm of a projector (ours). In training the batch's own
 * mean and covariance; running ones (from 0 and I, unbiased and before shrinkage) move with every slice and serve in
 * evaluation, as in the authors' code and lightly.
 *
 * Weights `mean` [k], `covariance` [k, k] (statistics). Evaluation reads values, so that such a pass cannot be compiled.
 *
 * @throws SslError `BAD_OPTION`; in a step `SHAPE_MISMATCH` if slices do not divide the batch, `NOT_FINITE` if one cannot be whitened.
 */
export function whiteningLayer(size: number, options: WhiteningLayerOptions = {}): Module {
  const o = resolveOptions('whiteningLayer', WHITENING_LAYER_DEFAULTS, options, (given) => [
    ...oneOf(given, 'method', ['cholesky', 'zca']),
    ...(given.eps === 'auto' || (given.eps >= 0 && given.eps < 1)
      ? []
      : [{ option: 'eps', problem: `must be 'auto' or in [0, 1), but is ${given.eps}` }]),
    ...(given.sliceSize === 'all' ? [] : integerAtLeast(2, { sliceSize: given.sliceSize }, 'sliceSize')),
    ...within(0, 1, given, 'momentum'),
  ]);
  const identity = () => Float32Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
  return {
    specs: {
      mean: { shape: [size], role: 'statistic', init: () => new Float32Array(size) },
      covariance: { shape: [size, size], role: 'statistic', init: identity },
    },
    apply: ({ mean, covariance }, rows, pass) => {
      if (!pass.training) return evaluate(rows, mean as tf.Tensor, covariance as tf.Tensor, o);
      const n = rows.shape[0];
      const w = o.sliceSize === 'all' ? n : o.sliceSize;
      if (n % w !== 0) {
        throw new SslError('SHAPE_MISMATCH', `[whiteningLayer] sliceSize is ${w}, but it must divide the ${n} rows.`);
      }
      const slices = whiten(tf.reshape(rows, [n / w, w, size]), { method: o.method, eps: o.eps, newtonSteps: 1 });
      if (pass.updateStats) {
        withoutTape(() => {
          moveRunning(mean!, slices.mean!, o);
          moveRunning(covariance!, slices.covariance!, o);
        });
      }
      return tf.reshape(slices.rows, [n, size]);
    },
  };
}

/** (x − running mean) · Wᵀ with W of the running covariance. */
function evaluate(
  rows: tf.Tensor2D,
  mean: tf.Tensor,
  covariance: tf.Tensor,
  { method, eps }: Required<WhiteningLayerOptions>,
): tf.Tensor2D {
  const k = rows.shape[1];
  const epsilons = epsilonsOf(eps);
  const parts = inverseRoot(Float64Array.from(covariance.dataSync()), k, method, epsilons);
  if (parts === undefined) throw notWhitenable('the running covariance', k, epsilons);
  const matrix = tf.tensor2d(Float32Array.from(parts.matrix), [k, k]);
  return tf.matMul(tf.sub(rows, mean) as tf.Tensor2D, matrix, false, true);
}
