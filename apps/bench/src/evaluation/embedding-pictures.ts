import { type Runtime, SslError } from '@contrastive/core';
import {
  defaultK,
  type FeatureMatrix,
  type PlaneEmbedding,
  stratifiedSample,
  tsne,
  umap,
  weightedKnn,
} from '@contrastive/evaluate';
import { disposeEncoder, type LoadedEncoder } from '../encoder-file.js';
import type { FeatureCache } from './feature-cache.js';
import { type EvaluationImages, evenly, subset } from './image-subset.js';
import type { EvaluationSets } from './open-sets.js';
import { type Panel, planeSvg } from './plane-svg.js';
import { encoderSubject, labelledFeatures, type Subject, untrained } from './subject.js';

export interface PictureOptions {
  readonly encoder: LoadedEncoder;
  /** SHA-256 of its file. */
  readonly hash: string;
  readonly sets: EvaluationSets;
  readonly runtime: Runtime;
  readonly cache: FeatureCache;
  readonly seed: number;
  /** A passing state, for progress. */
  readonly status: (text: string) => void;
}

/** Points of a map: exact t-SNE takes four times as long for twice as many (spec "evaluation" section 10). */
const IMAGES = 1000;
const FEWEST = 8;

/**
 * UMAP and t-SNE of at most 1000 test images (training images where there are no labels), the encoder beside the same network from random
 * initialisation, with captions. Source: spec "evaluation" section 9.
 *
 * @returns SVG by file name. @throws SslError `DATA` below 8 images.
 */
export async function embeddingPictures(options: PictureOptions): Promise<Readonly<Record<string, string>>> {
  const { encoder, hash, sets, runtime, cache, seed, status } = options;
  const images = sampleOf(sets.test ?? sets.train);
  const fresh = untrained(encoder, seed);
  const panels: { readonly umap: Panel; readonly tsne: Panel }[] = [];
  try {
    for (const [name, network, key] of [
      ['trained', encoder, hash],
      ['random initialisation', fresh.encoder, fresh.hash],
    ] as const) {
      status(`maps of ${name}`);
      const subject = encoderSubject({ name, encoder: network, hash: key, runtime, cache });
      try {
        const maps = await mapsOf(subject, images, sets, seed);
        panels.push({
          umap: { title: `UMAP, ${name}`, embedding: maps.umap },
          tsne: { title: `t-SNE, ${name}`, embedding: maps.tsne },
        });
      } finally {
        subject.dispose();
      }
    }
  } finally {
    disposeEncoder(fresh.encoder);
  }
  const draw = (kind: 'umap' | 'tsne') =>
    planeSvg(
      panels.map((p) => p[kind]),
      images.labels,
      sets.classNames,
    );
  return { 'umap.svg': draw('umap'), 't-sne.svg': draw('tsne') };
}

function sampleOf(images: EvaluationImages): EvaluationImages {
  if (images.count < FEWEST) {
    throw new SslError('DATA', `Maps need at least ${FEWEST} images, but there are ${images.count}.`);
  }
  if (images.count <= IMAGES) return images;
  const { labels, count } = images;
  return subset(images, labels === undefined ? evenly(IMAGES, count) : stratifiedSample(labels, IMAGES / count));
}

async function mapsOf(subject: Subject, images: EvaluationImages, sets: EvaluationSets, seed: number) {
  const features = await subject.features(images);
  const knnAccuracy = await accuracyOf(subject, images, sets);
  const common = { seed, knnAccuracy };
  return {
    umap: await umap(features, { ...common, neighbors: Math.min(15, features.rows - 1) }),
    tsne: tsneOf(features, common),
  };
}

/** Perplexity must stay below a third of the rows. */
const tsneOf = (features: FeatureMatrix, common: { seed: number; knnAccuracy: number | undefined }): PlaneEmbedding =>
  tsne(features, { ...common, perplexity: Math.min(20, Math.floor((features.rows - 1) / 3)) });

/** Weighted kNN of the drawn images, for the caption. */
async function accuracyOf(
  subject: Subject,
  images: EvaluationImages,
  sets: EvaluationSets,
): Promise<number | undefined> {
  if (sets.test === undefined) return undefined;
  const bank = await labelledFeatures(subject, sets.train);
  const settings = { k: [defaultK(bank.rows)], temperature: [0.1] };
  return (await weightedKnn(bank, await labelledFeatures(subject, images), settings))[0]!.top1.value;
}
