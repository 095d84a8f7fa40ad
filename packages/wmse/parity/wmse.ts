import { createWeights, type HostTensor, hostTensor, Rng, scoreTerms, type Tensors } from '@contrastive/core';
import type { Fixture, ParityAdapter } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { factorize, type Whitening, whiten, whiteningLayer, wmse } from '../src/index.js';
import { givenRows } from './given-rows.js';

type Matrix = readonly (readonly number[])[];

const matrix = (values: Matrix): HostTensor => hostTensor([values.length, values[0]!.length], values.flat());
const stacked = (values: readonly Matrix[]): HostTensor =>
  hostTensor([values.length, values[0]!.length, values[0]![0]!.length], values.flat(2));

interface LossInputs {
  readonly views: readonly Matrix[];
  /** Of each slicing; one slice in the given order where there is none. */
  readonly perms?: Matrix;
}
interface LossParams {
  readonly method?: Whitening;
  readonly statistics?: 'perView' | 'joint';
  readonly sliceSize: number;
  readonly eps: number | 'auto';
  readonly normalise: boolean;
}

/** Loss, gradient and whitened rows from given projector outputs, through the hooks. */
const loss: ParityAdapter = async (fixture: Fixture, context) => {
  const { views, perms = [views[0]!.map((_, i) => i)] } = fixture.inputs as LossInputs;
  const { method = 'cholesky', statistics = 'perView', sliceSize, eps, normalise } = fixture.params as LossParams;
  const plugin = wmse({
    views: views.length,
    whitening: method,
    statistics,
    distance: normalise ? 'normalized' : 'euclidean',
    iterations: perms.length,
    sliceSize,
    eps,
  });
  const forward = (rows: tf.Tensor3D, order: tf.Tensor) => {
    const io = givenRows(rows, { order });
    const features = plugin.encode!(io);
    return { features, total: scoreTerms(plugin.edit!([], { ...io, features })).total };
  };
  const n = perms[0]!.length;
  const inverse = perms[0]!.map((_, i) => perms[0]!.indexOf(i));
  return context.run(
    ({ rows, order }) => {
      const { features, total } = forward(rows as tf.Tensor3D, order!);
      const first = tf.slice(features.whitened!, [0, 0, 0], [views.length, n, -1]);
      return {
        loss: total,
        gradViews: tf.grad((x) => forward(x as tf.Tensor3D, order!).total)(rows!),
        whitenedFirstIter: tf.gather(first, tf.tensor1d(inverse, 'int32'), 1),
      };
    },
    { rows: stacked(views), order: hostTensor([perms.length, n], perms.flat(), 'int32') },
  );
};

/** One slice: mean, covariance, factor, output and vector-Jacobian product. */
const slice: ParityAdapter = async (fixture, context) => {
  const { x, upstreamGrad } = fixture.inputs as { readonly x: Matrix; readonly upstreamGrad: Matrix };
  const { eps, method } = fixture.params as { readonly eps: number; readonly method: 'cholesky' | 'zca' };
  const whitened = (rows: tf.Tensor) => {
    const batch = tf.expandDims(rows, 0) as tf.Tensor3D;
    return tf.squeeze(whiten(batch, { method, eps, newtonSteps: 10 }).rows, [0]);
  };
  const outputs = await context.run(
    ({ rows, upstream }) => {
      const { mean, covariance, matrix } = factorize(tf.expandDims(rows!, 0) as tf.Tensor3D, method, [eps]);
      return {
        mean: tf.squeeze(mean, [0]),
        covariance: tf.squeeze(covariance, [0]),
        whiteningMatrix: tf.squeeze(matrix, [0]),
        z: whitened(rows!),
        gradX: tf.grad((r) => tf.sum(tf.mul(upstream!, whitened(r))))(rows!),
      };
    },
    { rows: matrix(x), upstream: matrix(upstreamGrad) },
  );
  return { ...outputs, ...(method === 'cholesky' ? { cholesky: invertLower(outputs.whiteningMatrix!) } : {}) };
};

/** The Cholesky factor, from the whitening matrix that is its inverse. */
function invertLower({ data, shape }: HostTensor): number[][] {
  const size = shape[0] as number;
  const inverse = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let sum = i === j ? 1 : 0;
      for (let p = j; p < i; p++) sum -= data[i * size + p]! * inverse[p]![j]!;
      inverse[i]![j] = sum / data[i * size + i]!;
    }
  }
  return inverse;
}

/** Three training passes of the layer, then one in evaluation. */
const running: ParityAdapter = async (fixture, context) => {
  const { trainBatches, evalBatch } = fixture.inputs as {
    readonly trainBatches: readonly Matrix[];
    readonly evalBatch: Matrix;
  };
  const { eps, momentum = 0.01 } = fixture.params as { readonly eps: number; readonly momentum?: number };
  const layer = whiteningLayer(evalBatch[0]!.length, { eps, momentum });
  const weights = createWeights(layer.specs, Rng.create(0));
  const trainOutputs: (HostTensor | undefined)[] = [];
  for (const batch of trainBatches) {
    const step = ({ rows }: Tensors) => ({
      z: layer.apply(weights, rows as tf.Tensor2D, { training: true, updateStats: true }),
    });
    trainOutputs.push((await context.run(step, { rows: matrix(batch) }, weights)).z);
  }
  const rows = tf.tensor2d(evalBatch as number[][]);
  return {
    trainOutputs,
    runningMean: weights.mean,
    runningCovariance: weights.covariance,
    evalOutput: layer.apply(weights, rows, { training: false, updateStats: false }),
  };
};

export const kinds: Readonly<Record<string, ParityAdapter>> = {
  'wmse/loss': loss,
  'wmse/whiten_running_stats': running,
  'wmse/whiten': slice,
};
