import { createEvaluationLoader } from '@contrastive/augment/loader';
import { SslError } from '@contrastive/core';
import type { ImageSet } from '@contrastive/data';
import { defaultK, extractLabelled, type KnnResult, type LabelledFeatures, weightedKnn } from '@contrastive/evaluate';
import * as tf from '@tensorflow/tfjs-core';
import type { LoadedEncoder } from './encoder-file.js';
import { type DataOutput, openData } from './image-data.js';

/** Where the images of an evaluation come from: the bank (training images) and the test images, both with labels. */
export interface EvaluationData {
  readonly bank: ImageSet;
  readonly test: ImageSet;
  close(): Promise<void>;
}

export interface EvaluationDataOptions {
  readonly data: string;
  readonly cache?: string | undefined;
  /** CSV file with labels, instead of class folders. */
  readonly labels?: string | undefined;
  readonly side: number;
  readonly maxUnreadable: number;
}

/** Training and test images of `data`. @throws SslError `DATA` if it has no labels, or no test images. */
export async function openEvaluationData(options: EvaluationDataOptions, output: DataOutput): Promise<EvaluationData> {
  const { data, cache, labels, side, maxUnreadable } = options;
  const open = (split: string | undefined) => openData({ data, cache, labels, side, maxUnreadable, split }, output);
  const bank = await open(undefined);
  try {
    const test = await open('test');
    const close = async () => {
      await Promise.all([bank.close(), test.close()]);
    };
    try {
      return { bank, test: { ...test, labels: commonLabels(data, bank, test) }, close };
    } catch (error) {
      await test.close();
      throw error;
    }
  } catch (error) {
    await bank.close();
    throw error;
  }
}

/** Classes of the test images, numbered as those of the training images: each split numbers its own. */
function commonLabels(data: string, bank: ImageSet, test: ImageSet): Int32Array {
  if (bank.labels === undefined || test.labels === undefined) {
    throw new SslError('DATA', `${data} has no labels, which kNN needs.`, {
      hint: 'Give class folders, or a CSV file of path,label rows by --labels.',
    });
  }
  const unknown = test.classNames.filter((name) => !bank.classNames.includes(name));
  if (unknown.length > 0) {
    throw new SslError('DATA', `${data} has test images of classes without training images: ${unknown.join(', ')}.`, {
      hint: 'Name the class folders alike in both splits.',
    });
  }
  const numbers = test.classNames.map((name) => bank.classNames.indexOf(name));
  return test.labels.map((label) => numbers[label] ?? -1);
}

/** Pooled features of all images in evaluation mode, before the heads. */
export async function featuresOf(encoder: LoadedEncoder, images: ImageSet, batch = 250): Promise<LabelledFeatures> {
  const { backbone, weights, meta } = encoder;
  const loader = await createEvaluationLoader({
    ...{ source: images, side: meta.side, batch: Math.min(batch, images.count) },
    normalization: { mean: meta.mean, std: meta.std },
  });
  const pass = { training: false, updateStats: false };
  const encode = (x: tf.Tensor4D) => backbone.apply(weights, x, pass).pooled;
  try {
    return await extractLabelled(encode, batches(loader));
  } finally {
    await loader.close();
  }
}

async function* batches(loader: Awaited<ReturnType<typeof createEvaluationLoader>>) {
  for await (const batch of loader.epoch(1)) {
    yield { images: batch.images.view1!, ...(batch.labels === undefined ? {} : { labels: batch.labels.data }) };
    batch.release();
  }
}

/** Weighted kNN on pooled features (spec "evaluation" section 2.2). */
export async function evaluateKnn(encoder: LoadedEncoder, data: EvaluationData): Promise<KnnResult> {
  const bank = await featuresOf(encoder, data.bank);
  const test = await featuresOf(encoder, data.test);
  const [result] = await weightedKnn(bank, test, { k: [defaultK(bank.rows)], temperature: [0.1] });
  return result!;
}

/** Frees an encoder's weights. */
export const disposeEncoder = ({ weights }: LoadedEncoder): void => tf.dispose(Object.values(weights));
