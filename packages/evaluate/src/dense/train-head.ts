import {
  adam,
  createWeights,
  type HostTensor,
  integerAtLeast,
  type Module,
  nonNegative,
  type OptionIssue,
  type Parameter,
  positive,
  Rng,
  SslError,
  type Weights,
  warmupCosineRate,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * The part of an encoder that gives its last map (or an earlier one): images [n, side, side, 3] to [n, h, w, c]. It neither keeps nor
 * disposes its input.
 */
export type EncodeMap = (images: tf.Tensor4D) => tf.Tensor4D;

/** How a head, and with it the encoder if `trained` names its weights, is trained. */
export interface HeadTrainingOptions {
  /** Optimiser steps, ≥ 1. Default 500. */
  readonly steps?: number;
  /** Images of a step, ≥ 1; at most the training set is used. Default 8. */
  readonly batchSize?: number;
  /** Of Adam, falling to 0 along half a cosine. > 0. Default 1e-3. */
  readonly learningRate?: number;
  /** L2 factor in the gradient, ≥ 0. Default 0. */
  readonly weightDecay?: number;
  /** Of initial weights and of the order of images. Default 0. */
  readonly seed?: number;
  /** Weights of the encoder to train as well (fine-tuning). Default none: the encoder is frozen, and its maps are computed once. */
  readonly trained?: readonly Parameter[];
}
export const HEAD_TRAINING_DEFAULTS: Required<HeadTrainingOptions> = {
  steps: 500,
  batchSize: 8,
  learningRate: 1e-3,
  weightDecay: 0,
  seed: 0,
  trained: [],
};

export const headIssues = (o: Required<HeadTrainingOptions>): OptionIssue[] => [
  ...integerAtLeast(1, o, 'steps', 'batchSize'),
  ...positive(o, 'learningRate'),
  ...nonNegative(o, 'weightDecay'),
  ...integerAtLeast(0, o, 'seed'),
];

/** The network's evaluation pass: heads have no batch norm. */
export const HEAD_PASS = { training: false, updateStats: false } as const;

type Head = Module<tf.Tensor4D, tf.Tensor4D>;

/**
 * Trains `head` on maps of `images` by Adam. `loss` gets the head's output for the images with the given indices.
 *
 * @returns the head's weights, the caller's to dispose. @throws SslError `NOT_FINITE` if the loss diverges.
 */
export async function trainHead(
  owner: string,
  encode: EncodeMap,
  images: HostTensor<tf.Rank.R4>,
  head: Head,
  loss: (output: tf.Tensor4D, rows: Int32Array) => tf.Scalar,
  o: Required<HeadTrainingOptions>,
): Promise<Weights> {
  const rng = Rng.create(o.seed).fork(owner);
  const weights = createWeights(head.specs, rng.fork('init'));
  const own = Object.keys(weights).map((path) => ({ path, variable: weights[path]!, spec: head.specs[path]! }));
  const parameters: readonly Parameter[] = [...own, ...o.trained];
  const optimizer = adam({ learningRate: o.learningRate, weightDecay: o.weightDecay });
  const slots = optimizer.slots(parameters);
  const isFrozen = o.trained.length === 0;
  const inputs = isFrozen ? await mapsOf(encode, images, o.batchSize) : images;
  const schedule = warmupCosineRate(o.learningRate, { warmupEpochs: 0 });
  const draw = rowDrawer(images.shape[0], Math.min(o.batchSize, images.shape[0]), rng.fork('order'));
  try {
    for (let step = 0; step < o.steps; step++) {
      const rows = draw();
      const rate = schedule({ step, epoch: step + 1, epochs: o.steps, stepsPerEpoch: 1 });
      const value = tf.tidy(() => {
        const input = takeImages(inputs, rows);
        const forward = () => loss(head.apply(weights, isFrozen ? input : encode(input), HEAD_PASS), rows);
        const result = tf.variableGrads(
          forward,
          parameters.map((p) => p.variable),
        );
        const gradients = parameters.map(({ variable }) => result.grads[variable.name] ?? tf.zerosLike(variable));
        optimizer.update(parameters, gradients, slots, { scheduled: tf.scalar(rate), base: tf.scalar(o.learningRate) });
        return result.value;
      });
      if (step === o.steps - 1 || step % 50 === 49) await requireFinite(owner, value, step);
      value.dispose();
    }
  } catch (error) {
    disposeAll(weights);
    throw error;
  } finally {
    disposeAll(slots);
  }
  return weights;
}

export const disposeAll = (weights: Weights): void => {
  for (const variable of Object.values(weights)) variable.dispose();
};

/** Maps of all images, in host memory. */
export async function mapsOf(
  encode: EncodeMap,
  images: HostTensor<tf.Rank.R4>,
  batchSize: number,
): Promise<HostTensor<tf.Rank.R4>> {
  const parts: Float32Array[] = [];
  let shape: [number, number, number, number] = [0, 0, 0, 0];
  for (const rows of inBatches(images.shape[0], batchSize)) {
    const map = tf.tidy(() => encode(takeImages(images, rows)));
    shape = [images.shape[0], map.shape[1], map.shape[2], map.shape[3]];
    parts.push(new Float32Array((await map.data()) as Float32Array));
    map.dispose();
  }
  const data = new Float32Array(shape[0] * shape[1] * shape[2] * shape[3]);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { shape, dtype: 'float32', data };
}

/** 0 … count − 1 in runs of `size`, the last one shorter. */
export function inBatches(count: number, size: number): Int32Array[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, b) =>
    Int32Array.from({ length: Math.min(size, count - b * size) }, (_, i) => b * size + i),
  );
}

/** The images (or maps) with the given indices, as a tensor. */
export function takeImages({ data, shape: [, h, w, c] }: HostTensor<tf.Rank.R4>, rows: Int32Array): tf.Tensor4D {
  const size = h * w * c;
  const taken = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    taken.set(data.subarray(row * size, (row + 1) * size), i * size);
  });
  return tf.tensor4d(taken, [rows.length, h, w, c]);
}

/** Batches of `size` rows; every row once before any comes again (but for a rest smaller than a batch). */
function rowDrawer(count: number, size: number, rng: Rng): () => Int32Array {
  let order = new Int32Array(0);
  let [at, epoch] = [0, 0];
  return () => {
    if (at + size > order.length) {
      order = Int32Array.from(rng.fork(epoch++).permutation(count));
      at = 0;
    }
    at += size;
    return order.slice(at - size, at);
  };
}

async function requireFinite(owner: string, value: tf.Scalar, step: number): Promise<void> {
  const [loss] = await value.data();
  if (!Number.isFinite(loss)) {
    throw new SslError('NOT_FINITE', `${owner}: the loss is ${loss} at step ${step}.`, {
      hint: 'Lower `learningRate`.',
    });
  }
}
