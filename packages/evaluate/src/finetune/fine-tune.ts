import {
  type Backbone,
  type HostTensor,
  integerAtLeast,
  Rng,
  type Runtime,
  SslError,
  type Weights,
} from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { ImageBatch } from '../extract/extract.js';
import { rankOf } from '../knn/vote.js';
import type { ClassifierScore } from '../linear/classifier.js';
import { accuracyOf } from '../stats/accuracy.js';
import { createClassifier, type TrainableClassifier } from './classifier.js';
import { mixBatch, smoothTargets } from './mixing.js';
import type { FineTuneRecipe } from './recipes.js';

/** Labelled training images as batches of equal size, augmented and in a new order every epoch (counted from 1). */
export interface TrainingBatches {
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  epoch(epoch: number): AsyncIterable<ImageBatch> | Iterable<ImageBatch>;
}

export interface FineTuneOptions {
  readonly backbone: Backbone;
  /** Pretrained weights, copied. Without them: the backbone's own initialisation from `seed`, the baseline. */
  readonly weights?: Weights | undefined;
  readonly recipe: FineTuneRecipe;
  readonly train: TrainingBatches;
  /** Number of classes, from the training labels. ≥ 2. */
  readonly classes: number;
  readonly runtime: Runtime;
  /** Of the head's initial weights. Default 0. */
  readonly seed?: number;
  /** Replaces the recipe's. */
  readonly epochs?: number | undefined;
  readonly onEpoch?: ((epoch: number, meanLoss: number) => void) | undefined;
}

/** A trained network. Dispose it. */
export interface FineTuned {
  readonly protocol: string;
  readonly lossPerEpoch: readonly number[];
  /** Top-1 and top-5 accuracy on un-augmented test images. */
  score(batches: AsyncIterable<ImageBatch> | Iterable<ImageBatch>): Promise<ClassifierScore>;
  /** The encoder's weights after training; they are this network's. */
  encoder(): Promise<Weights>;
  dispose(): void;
}

/**
 * Trains all layers of an encoder and a new linear head on labels; the number belongs to the last epoch. Deterministic for a seed on
 * one backend and number of threads.
 *
 * @throws SslError `DATA` (a label outside the classes, no step in an epoch), `NOT_FINITE` if the loss diverges, `BAD_OPTION`.
 * Source: spec "evaluation" section 4.
 */
export async function fineTune(options: FineTuneOptions): Promise<FineTuned> {
  const { recipe, train, backbone, weights, classes, runtime } = options;
  const { seed = 0, epochs = recipe.epochs } = options;
  const [issue] = [...integerAtLeast(0, { seed }, 'seed'), ...integerAtLeast(1, { epochs }, 'epochs')];
  if (issue !== undefined) throw new SslError('BAD_OPTION', `fineTune: ${issue.option} ${issue.problem}.`);
  if (train.stepsPerEpoch < 1) throw new SslError('DATA', 'fineTune: there are fewer images than one batch.');
  if (classes < 2) throw new SslError('DATA', `fineTune: ${classes} class was given, but two are needed.`);
  const scale = recipe.referenceBatch === undefined ? 1 : train.batchSize / recipe.referenceBatch;
  const learningRate = recipe.learningRate * scale;
  const { headFactor, optimizer, layerDecay, clipNorm } = recipe;
  const rates = { optimizer, learningRate, headFactor, layerDecay, clipNorm };
  const parts = { backbone, weights, classes, ...rates, seed, runtime };
  const network = createClassifier(parts);
  try {
    const lossPerEpoch = await trainEpochs(network, options, { epochs, learningRate, seed });
    return {
      protocol: recipe.name,
      lossPerEpoch,
      score: (batches) => scoreNetwork(network, batches, classes),
      encoder: () => network.encoder(),
      dispose: () => network.dispose(),
    };
  } catch (error) {
    network.dispose();
    throw error;
  }
}

async function trainEpochs(
  network: TrainableClassifier,
  { recipe, train, classes, onEpoch }: FineTuneOptions,
  { epochs, learningRate, seed }: { readonly epochs: number; readonly learningRate: number; readonly seed: number },
): Promise<number[]> {
  const rng = Rng.create(seed).fork('mixing');
  const schedule = recipe.schedule(learningRate);
  const { stepsPerEpoch } = train;
  const lossPerEpoch: number[] = [];
  let step = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let sum = 0;
    for await (const { images, labels } of train.epoch(epoch)) {
      const plain = smoothTargets(checkedLabels(labels, classes), classes, recipe.labelSmoothing);
      const batch =
        recipe.mixing === undefined
          ? { images, targets: plain }
          : mixBatch(images, plain, recipe.mixing, rng.fork(step));
      const rate = schedule({ step, epoch, epochs, stepsPerEpoch });
      const loss = await network.step(batch.images, batch.targets, rate);
      if (!Number.isFinite(loss)) throw diverged(recipe.name, epoch, learningRate);
      sum += loss;
      step++;
    }
    lossPerEpoch.push(sum / stepsPerEpoch);
    onEpoch?.(epoch, sum / stepsPerEpoch);
  }
  return lossPerEpoch;
}

function checkedLabels(labels: ArrayLike<number> | undefined, classes: number): Int32Array {
  if (labels === undefined) throw new SslError('DATA', 'fineTune: the training images have no labels.');
  const bad = Array.from(labels).find((label) => !(label >= 0 && label < classes));
  if (bad !== undefined) {
    throw new SslError('DATA', `fineTune: an image has label ${bad}, but there are ${classes} classes from 0.`);
  }
  return Int32Array.from(labels);
}

async function scoreNetwork(
  network: TrainableClassifier,
  batches: AsyncIterable<ImageBatch> | Iterable<ImageBatch>,
  classes: number,
): Promise<ClassifierScore> {
  const predictions: number[] = [];
  let [correct, inTop5, size] = [0, 0, 0];
  for await (const { images, labels } of batches) {
    const n = images.shape[0];
    size ||= n;
    const logits = await network.logits(filledUp(images, size));
    for (let i = 0; i < n; i++) {
      const row = Float64Array.from(logits.subarray(i * classes, (i + 1) * classes));
      const best = row.indexOf(row.reduce((a, b) => Math.max(a, b)));
      const label = labels?.[i] ?? -1;
      if (best === label) correct++;
      if (label >= 0 && label < classes && rankOf(row, label) < 5) inTop5++;
      predictions.push(best);
    }
  }
  const { length } = predictions;
  return {
    predictions: Int32Array.from(predictions),
    top1: accuracyOf(correct, length),
    top5: classes >= 5 ? accuracyOf(inTop5, length) : undefined,
  };
}

/** A smaller last batch with zeros behind it, so that the compiled step sees one shape. */
export function filledUp(images: HostTensor<tf.Rank.R4>, size: number): HostTensor<tf.Rank.R4> {
  const [n, h, w, c] = images.shape;
  if (n === size) return images;
  const data = new Float32Array(size * h * w * c);
  data.set(images.data);
  return { shape: [size, h, w, c], dtype: 'float32', data };
}

const diverged = (name: string, epoch: number, rate: number) =>
  new SslError('NOT_FINITE', `fineTune: ${name} diverged in epoch ${epoch} at learning rate ${rate}.`, {
    hint: 'Use a recipe with a smaller rate, or a larger batch.',
  });
