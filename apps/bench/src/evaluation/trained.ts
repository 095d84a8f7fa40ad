import { recipes } from '@contrastive/augment';
import { createEvaluationLoader, createLoader, type Loader } from '@contrastive/augment/loader';
import type { HostTensor, Weights } from '@contrastive/core';
import {
  type ClassifierScore,
  countClasses,
  FINE_TUNE_RECIPES,
  type FineTuned,
  type FineTuneRecipe,
  fineTune,
  fitLogistic,
  type ImageBatch,
  SEMI_SUPERVISED,
  type SemiSupervisedProtocol,
  scoreClassifier,
  stratifiedSample,
  type TrainingBatches,
} from '@contrastive/evaluate';
import type * as tf from '@tensorflow/tfjs-core';
import type { LoadedEncoder } from '../encoder-file.js';
import { type EvaluationImages, subset } from './image-subset.js';
import type { ProtocolContext } from './protocols.js';
import { accuracyRows, type Measured } from './result.js';
import { labelledFeatures, type Subject } from './subject.js';
import { testResize } from './test-view.js';

type Context = Omit<ProtocolContext, 'subject'>;

/** Trains a network on labelled images; `weights` missing: from scratch. Dispose the result. */
export async function trainOn(
  { runtime, seed, epochs, sets }: Context,
  encoder: Pick<LoadedEncoder, 'backbone' | 'meta'>,
  weights: Weights | undefined,
  images: EvaluationImages,
  recipe: FineTuneRecipe,
): Promise<FineTuned> {
  const { backbone, meta } = encoder;
  const batchSize = Math.min(recipe.batchSize, images.count);
  const normalization = { mean: meta.mean, std: meta.std };
  const loader = await createLoader({
    ...{ source: images, views: { view1: recipes.probe({ normalization }) }, side: meta.side },
    ...{ batch: batchSize, seed, workers: 1 },
  });
  const train: TrainingBatches = { batchSize, stepsPerEpoch: loader.batches, epoch: (epoch) => batches(loader, epoch) };
  try {
    const classes = countClasses(sets.train.labels!);
    return await fineTune({ backbone, weights, recipe, train, classes, runtime, seed, epochs });
  } finally {
    await loader.close();
  }
}

/** Accuracy of a trained network on un-augmented test images. */
export async function scoreOn(network: FineTuned, { meta }: LoadedEncoder, test: EvaluationImages) {
  const { side, mean, std } = meta;
  const loader = await createEvaluationLoader({
    ...{ source: test, side, resize: testResize(side), batch: Math.min(250, test.count) },
    normalization: { mean, std },
  });
  try {
    return await network.score(batches(loader, 1));
  } finally {
    await loader.close();
  }
}

async function* batches(loader: Loader, epoch: number): AsyncGenerator<ImageBatch> {
  for await (const batch of loader.epoch(epoch)) {
    yield { images: batch.images.view1! as HostTensor<tf.Rank.R4>, labels: batch.labels!.data };
    batch.release();
  }
}

/** Trains, scores on the test images and frees the network. */
async function scoreAfter(
  context: Context,
  encoder: LoadedEncoder,
  weights: Weights | undefined,
  images: EvaluationImages,
  recipe: FineTuneRecipe,
) {
  const network = await trainOn(context, encoder, weights, images, recipe);
  try {
    return await scoreOn(network, encoder, context.sets.test!);
  } finally {
    network.dispose();
  }
}

const nameOf = ({ name, epochs }: FineTuneRecipe, given: number | undefined): string =>
  given === undefined || given === epochs ? name : `${name}, ${given} epochs`;

/** Full fine-tuning (spec "evaluation" 4.1). */
export async function fineTuned(context: ProtocolContext, variant = 'lightly'): Promise<Measured[]> {
  const { subject, sets, epochs } = context;
  const recipe: FineTuneRecipe = FINE_TUNE_RECIPES[variant as keyof typeof FINE_TUNE_RECIPES];
  const score = await scoreAfter(context, subject.encoder!, subject.encoder!.weights, sets.train, recipe);
  return accuracyRows(nameOf(recipe, epochs), score, 'last epoch');
}

const SHARES = [
  [0.01, 'onePercent'],
  [0.1, 'tenPercent'],
] as const;

/**
 * 1 % and 10 % of the labels (spec "evaluation" 4.2), each with both baselines: the same schedule from random initialisation, and
 * logistic regression on the features of the same images. Where the protocol has a grid the best cell on the *test* images is reported, as
 * published, and the name says so. The paths of the sample's images are kept beside the results.
 */
export async function semiSupervised(context: ProtocolContext, variant = 'light'): Promise<Measured[]> {
  const protocol: SemiSupervisedProtocol = SEMI_SUPERVISED[variant as keyof typeof SEMI_SUPERVISED];
  const { subject, sets } = context;
  const rows: Measured[] = [];
  for (const [share, key] of SHARES) {
    const recipe = protocol[key];
    const sample = subset(sets.train, stratifiedSample(sets.train.labels!, share));
    const list = `semi-supervised-${100 * share}-percent.txt`;
    context.keep?.(list, Array.from({ length: sample.count }, (_, id) => `${sample.nameOf(id)}\n`).join(''));
    const title = `${100 * share} % of the labels (${sample.count} images), ${nameOf(recipe, context.epochs)}`;
    for (const [weights, whose] of [
      [subject.encoder!.weights, ''],
      [undefined, ' from random initialisation'],
    ] as const) {
      const cells = protocol.grid.length === 0 ? [recipe] : protocol.grid.map((cell) => ({ ...recipe, ...cell }));
      const { score, notes } = await bestOf(context, weights, sample, cells);
      const name = `${title}${whose}${cells.length > 1 ? `, best of ${cells.length} on the test images` : ''}`;
      rows.push(...accuracyRows(name, score, [...notes, `images: ${list}`].join(', ')));
    }
    rows.push(...(await probeOn(subject, sample, context, title)));
  }
  return rows;
}

/** Trains with every recipe. */
async function bestOf(
  context: ProtocolContext,
  weights: Weights | undefined,
  sample: EvaluationImages,
  recipes: readonly FineTuneRecipe[],
) {
  const encoder = context.subject.encoder!;
  const tried: { readonly score: ClassifierScore; readonly note: string }[] = [];
  for (const recipe of recipes) {
    const score = await scoreAfter(context, encoder, weights, sample, recipe);
    tried.push({ score, note: `${cellText(recipe)}: ${(100 * score.top1.value).toFixed(1)} %` });
  }
  const { score } = tried.reduce((a, b) => (b.score.top1.value > a.score.top1.value ? b : a));
  return { score, notes: tried.map(({ note }) => note) };
}

const cellText = ({ learningRate, headFactor }: FineTuneRecipe) => `rate ${learningRate} head ×${headFactor}`;

async function probeOn(
  subject: Subject,
  sample: EvaluationImages,
  { sets }: Context,
  title: string,
): Promise<Measured[]> {
  const fit = await fitLogistic(await labelledFeatures(subject, sample));
  const score = await scoreClassifier(fit, await labelledFeatures(subject, sets.test!));
  return accuracyRows(`${title.split(',')[0]}, logistic regression on frozen features`, score);
}
