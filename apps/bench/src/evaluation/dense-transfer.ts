import { createWeights, type Parameter, Rng, type Weights } from '@contrastive/core';
import {
  detectionAp,
  type EncodeMap,
  type HeadTrainingOptions,
  meanInterval,
  scoreSegmentation,
  trainDetector,
  trainSegmentation,
} from '@contrastive/evaluate';
import * as tf from '@tensorflow/tfjs-core';
import type { LoadedEncoder } from '../encoder-file.js';
import type { DenseData } from './dense-data.js';
import { meanRow, type ResultRow } from './result.js';

export const DENSE_TASKS = ['detection', 'segmentation'] as const;
export type DenseTask = (typeof DENSE_TASKS)[number];

export interface TransferOptions {
  readonly encoder: LoadedEncoder;
  readonly data: DenseData;
  readonly tasks: readonly DenseTask[];
  /** One training of the head each. */
  readonly seeds: readonly number[];
  /** Of a head's training; every initialisation has the same. */
  readonly steps: number;
  /** Train the encoder too; batch norm then learns its statistics. */
  readonly fineTune: boolean;
  readonly status: (text: string) => void;
}

/** Values of one training, by metric. */
type Scores = Readonly<Record<string, number>>;

/**
 * Light detection and segmentation on the encoder's map, beside the same network from random initialisation under the same schedule
 * (another one for every seed): mean and Student interval over the seeds. Source: spec "evaluation" section 10.
 */
export async function denseTransfer(options: TransferOptions): Promise<ResultRow[]> {
  const rows: ResultRow[] = [];
  for (const task of options.tasks) {
    for (const encoder of ['trained', 'random initialisation']) {
      const runs: { name: string; scores: Scores }[] = [];
      for (const seed of options.seeds) {
        options.status(`${task}, ${encoder}, seed ${seed}`);
        runs.push(await oneTraining(options, task, encoder === 'trained' ? 'given' : 'random', seed));
      }
      for (const metric of Object.keys(runs[0]!.scores)) {
        const interval = meanInterval(runs.map(({ scores }) => scores[metric]!));
        rows.push({ encoder, protocol: task, ...meanRow(runs[0]!.name, metric, interval, 'seeds') });
      }
    }
  }
  return rows;
}

async function oneTraining(
  { encoder, data, steps, fineTune }: TransferOptions,
  task: DenseTask,
  start: 'given' | 'random',
  seed: number,
): Promise<{ name: string; scores: Scores }> {
  const { backbone } = encoder;
  const weights = createWeights(backbone.specs, Rng.create(seed).fork('weights'), 'transfer/');
  try {
    if (start === 'given') for (const [name, v] of Object.entries(weights)) v.assign(encoder.weights[name]!);
    let training = fineTune;
    const encode: EncodeMap = (images) => backbone.apply(weights, images, { training, updateStats: training }).map;
    const head: HeadTrainingOptions = { steps, seed, trained: fineTune ? parametersOf(encoder, weights) : [] };
    const afterTraining = () => {
      training = false;
    };
    return await (task === 'detection' ? detect : segment)(encode, data, head, afterTraining);
  } finally {
    tf.dispose(Object.values(weights));
  }
}

const parametersOf = ({ backbone }: LoadedEncoder, weights: Weights): Parameter[] =>
  Object.entries(weights)
    .filter(([, variable]) => variable.trainable)
    .map(([path, variable]) => ({ path: `encoder/${path}`, variable, spec: backbone.specs[path]! }));

async function detect(
  encode: EncodeMap,
  { train, test, classes }: DenseData,
  head: HeadTrainingOptions,
  afterTraining: () => void,
) {
  const model = await trainDetector(encode, train.detection, { ...head, classes: classes.length });
  afterTraining();
  try {
    const { ap, ap50, ap75 } = detectionAp(test.detection.objects, await model.detect(test.detection.images));
    return { name: model.protocol, scores: { AP: ap, AP50: ap50, AP75: ap75 } };
  } finally {
    model.dispose();
  }
}

async function segment(
  encode: EncodeMap,
  { train, test, maskClasses }: DenseData,
  head: HeadTrainingOptions,
  afterTraining: () => void,
) {
  const classes = maskClasses.length;
  const model = await trainSegmentation(encode, train.segmentation, { ...head, classes });
  afterTraining();
  try {
    const scores = await scoreSegmentation(model, test.segmentation, classes);
    return { name: model.protocol, scores: { mIoU: scores.meanIou, 'pixel accuracy': scores.pixelAccuracy } };
  } finally {
    model.dispose();
  }
}
