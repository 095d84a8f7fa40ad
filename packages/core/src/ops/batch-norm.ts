import * as tf from '@tensorflow/tfjs-core';
import { ALONE, type Collective } from '../collective.js';
import { SslError } from '../errors.js';
import type { Pass } from '../module.js';
import { hasKernel, runKernels, withGradient } from './kernels.js';

export interface BatchNormWeights {
  /** Scale and shift, [c] each. Both or none. */
  readonly gamma?: tf.Tensor | undefined;
  readonly beta?: tf.Tensor | undefined;
  /** Running mean and running unbiased variance, [c] each. */
  readonly mean: tf.Variable;
  readonly variance: tf.Variable;
}

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5 (PyTorch; TensorFlow's default is 1e-3). */
  readonly epsilon?: number;
  /** Share of the old running statistics that stays:  r ← m r + (1 − m) batch.  Default 0.9, which PyTorch calls 0.1. */
  readonly momentum?: number;
  /**
   * Sub-batches with statistics of their own; sample n belongs to sub-batch n mod `splits`. γ and β are shared, running statistics
   * move towards the mean over sub-batches (spec "hosts" section 4). Default 1.
   */
  readonly splits?: number;
}

/**
 * Batch normalisation with PyTorch's semantics (spec "hosts" section 1):  y = γ (x − μ) / √(σ² + ε) + β.
 *
 * Training: μ and the biased variance σ² of this batch, over all axes but the last; gradient reaches x, γ and β, through the
 * statistics too. With `pass.workers` the batch is that of all workers together (synchronised batch norm), for values and gradients. If `pass.updateStats`, the running mean and the running *unbiased* variance are assigned. Otherwise: μ and σ² are
 * the running statistics, and nothing is assigned.
 *
 * @param x [n, c] or [n, h, w, c].
 * @throws SslError `SHAPE_MISMATCH` if a (sub-)batch has fewer than two values per channel in training, or `splits` does not divide n.
 */
export function batchNormalization<T extends tf.Tensor>(
  x: T,
  weights: BatchNormWeights,
  pass: Pass,
  { epsilon = 1e-5, momentum = 0.9, splits = 1 }: BatchNormOptions = {},
): T {
  if (!pass.training) {
    const { gamma, beta, mean, variance } = weights;
    return tf.batchNorm(
      x,
      mean as tf.Tensor1D,
      variance as tf.Tensor1D,
      beta as tf.Tensor1D,
      gamma as tf.Tensor1D,
      epsilon,
    ) as T;
  }
  const { workers = ALONE } = pass;
  checkBatch(x, splits, workers);
  const c = x.shape[x.rank - 1]!;
  const move = (running: tf.Variable, batch: tf.Tensor) => {
    const ofAll = splits === 1 ? batch : tf.mean(tf.reshape(batch, [splits, c]), 0);
    running.assign(tf.add(tf.mul(running, momentum), tf.mul(ofAll, 1 - momentum)));
  };
  const onStatistics = (mean: tf.Tensor, unbiased: tf.Tensor) => {
    if (!pass.updateStats) return;
    move(weights.mean, mean);
    move(weights.variance, unbiased);
  };
  const perChannel = (w: tf.Tensor | undefined) => (w === undefined || splits === 1 ? w : repeat(w, splits));
  const folded = foldSplits(x, splits);
  const y = normalize(folded, perChannel(weights.gamma), perChannel(weights.beta), { epsilon, workers, onStatistics });
  return unfoldSplits(y, x, splits);
}

function checkBatch(x: tf.Tensor, splits: number, workers: Collective): void {
  const n = x.shape[0]!;
  if (n % splits !== 0)
    throw new SslError('SHAPE_MISMATCH', `batch norm: ${n} samples do not divide into ${splits} sub-batches.`);
  if ((x.size * workers.size) / x.shape[x.rank - 1]! / splits < 2) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `batch norm: input [${x.shape}] in ${splits} sub-batch(es) has one value per channel, but training needs two for a variance.`,
      { hint: 'Use a larger batch.' },
    );
  }
}

/** [c] → [splits · c]. Not `tf.tile`, whose gradient is a loop of slices. */
const repeat = (w: tf.Tensor, splits: number): tf.Tensor =>
  tf.reshape(tf.add(tf.zeros([splits, w.size]), w), [splits * w.size]);

/** [n, h, w, c] → [n/s, 1, h·w, s·c]: sub-batches become channels, so that one normalisation does all. [n, c] → [n/s, 1, 1, s·c]. */
function foldSplits(x: tf.Tensor, splits: number): tf.Tensor4D {
  const [n, c] = [x.shape[0]!, x.shape[x.rank - 1]!];
  if (splits === 1) return (x.rank === 4 ? x : tf.reshape(x, [n, 1, 1, c])) as tf.Tensor4D;
  const cells = x.size / n / c;
  const bySplit = tf.reshape(x, [n / splits, splits, cells, c]);
  const last = cells === 1 ? bySplit : tf.transpose(bySplit, [0, 2, 1, 3]);
  return tf.reshape(last, [n / splits, 1, cells, splits * c]);
}

function unfoldSplits<T extends tf.Tensor>(y: tf.Tensor, like: T, splits: number): T {
  const [n, c] = [like.shape[0]!, like.shape[like.rank - 1]!];
  const cells = like.size / n / c;
  if (splits === 1 || cells === 1) return tf.reshape(y, like.shape) as T;
  const bySplit = tf.transpose(tf.reshape(y, [n / splits, cells, splits, c]), [0, 2, 1, 3]);
  return tf.reshape(bySplit, like.shape) as T;
}

/** What all normalisations of one call share. */
interface Call {
  readonly epsilon: number;
  readonly workers: Collective;
  /** Told the statistics, [c] each. */
  readonly onStatistics: (mean: tf.Tensor, unbiased: tf.Tensor) => void;
}

/** Batch norm in training over [n, h, w, c], by the backend's fused kernels where it has them and the batch is this process's. */
function normalize(x: tf.Tensor4D, gamma: tf.Tensor | undefined, beta: tf.Tensor | undefined, call: Call): tf.Tensor {
  const run = call.workers.size === 1 && hasKernel('FusedBatchNormV3') ? fused : composed;
  if (gamma === undefined || beta === undefined) {
    return withGradient([x], ([input], save) => {
      const c = x.shape[3];
      const { value, gradients } = run(input!, tf.ones([c]), tf.zeros([c]), call, save);
      return { value, gradients: (dy, saved) => gradients(dy, saved).slice(0, 1) };
    });
  }
  return withGradient([x, gamma, beta], ([input, scale, offset], save) => run(input!, scale!, offset!, call, save));
}

type Run = (
  x: tf.Tensor,
  scale: tf.Tensor,
  offset: tf.Tensor,
  call: Call,
  save: (tensors: tf.Tensor[]) => void,
) => { value: tf.Tensor; gradients: (dy: tf.Tensor, saved: readonly tf.Tensor[]) => tf.Tensor[] };

const fused: Run = (x, scale, offset, { epsilon, onStatistics }, save) => {
  const [value, mean, unbiased, ...reserved] = runKernels('FusedBatchNormV3', { x, scale, offset }, { epsilon });
  onStatistics(mean!, unbiased!);
  save([x, scale, ...reserved]);
  const gradients = (dy: tf.Tensor, [input, gamma, r1, r2, r3]: readonly tf.Tensor[]) =>
    runKernels('FusedBatchNormGradV3', { dy, x: input!, scale: gamma!, r1: r1!, r2: r2!, r3: r3! }, { epsilon });
  return { value: value!, gradients };
};

const AXES = [0, 1, 2];

const composed: Run = (x, scale, offset, { epsilon, workers, onStatistics }, save) => {
  const own = x.size / x.shape[3]!;
  const m = own * workers.size;
  const { mean, variance } = momentsOf(x, workers);
  onStatistics(mean, tf.mul(variance, m / (m - 1)));
  const value = tf.batchNorm(
    x,
    mean as tf.Tensor1D,
    variance as tf.Tensor1D,
    offset as tf.Tensor1D,
    scale as tf.Tensor1D,
    epsilon,
  );
  save([x, scale, mean, tf.rsqrt(tf.add(variance, epsilon))]);
  const gradients = (dy: tf.Tensor, [input, gamma, mu, inverse]: readonly tf.Tensor[]) => {
    const unit = tf.mul(tf.sub(input!, mu!), inverse!);
    const dOffset = tf.sum(dy, AXES);
    const dScale = tf.sum(tf.mul(dy, unit), AXES);
    // dx = γ/σ (dy − mean(dy) − x̂ mean(dy x̂)), the means over the batch that the statistics are of
    const [offsets, scales] = workers.reduceMean([dOffset, dScale]);
    const centred = tf.sub(tf.sub(dy, tf.div(offsets!, own)), tf.mul(unit, tf.div(scales!, own)));
    return [tf.mul(centred, tf.mul(gamma!, inverse!)), dScale, dOffset];
  };
  return { value, gradients };
};

/** Mean and biased variance over the rows of all workers, [c] each; from each worker's own, so that no large squares cancel. */
function momentsOf(x: tf.Tensor, workers: Collective): { readonly mean: tf.Tensor; readonly variance: tf.Tensor } {
  const mean = tf.mean(x, AXES);
  const variance = tf.mean(tf.squaredDifference(x, mean), AXES);
  if (workers.size === 1) return { mean, variance };
  const all = workers.gather(tf.reshape(tf.concat([mean, variance]), [1, 2 * mean.size]));
  const [means, variances] = tf.split(all, 2, 1) as [tf.Tensor, tf.Tensor];
  const common = tf.mean(means, 0);
  return { mean: common, variance: tf.mean(tf.add(variances, tf.squaredDifference(means, common)), 0) };
}
