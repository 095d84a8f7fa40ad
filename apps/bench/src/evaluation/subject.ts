import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ViewRecipe } from '@contrastive/core';
import { createWeights, Rng, type Runtime, SslError } from '@contrastive/core';
import type { FeatureMatrix, LabelledFeatures } from '@contrastive/evaluate';
import type { LoadedEncoder } from '../encoder-file.js';
import type { FeatureCache, FeatureKey } from './feature-cache.js';
import { FeatureExtractor } from './feature-extractor.js';
import type { EvaluationImages } from './image-subset.js';

/** What is evaluated: something that gives features of images. */
export interface Subject {
  /** As in the results. */
  readonly name: string;
  /** The network, for protocols that train it or augment its images; pixels have none. */
  readonly encoder: LoadedEncoder | undefined;
  /** Pooled features without augmentation, in the order of the images; kept where a cache is. */
  features(images: EvaluationImages): Promise<FeatureMatrix>;
  /** Features of augmented views, another draw for every epoch; never kept. @throws SslError `USAGE` without a network. */
  augmented(images: EvaluationImages, recipe: ViewRecipe, epoch: number): Promise<FeatureMatrix>;
  dispose(): void;
}

export interface SubjectOptions {
  readonly name: string;
  readonly encoder: LoadedEncoder;
  /** What the encoder's features are kept under; `undefined`: they are not. */
  readonly hash: string | undefined;
  readonly runtime: Runtime;
  readonly cache: FeatureCache;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export function encoderSubject({ name, encoder, hash, runtime, cache, onProgress }: SubjectOptions): Subject {
  const extractor = new FeatureExtractor(encoder, runtime);
  const remembered = new Map<string, Promise<FeatureMatrix>>();
  const make = (images: EvaluationImages) => {
    const extract = () => extractor.extract(images, { onProgress });
    if (hash === undefined) return extract();
    const { fingerprint: data } = images;
    const key: FeatureKey = { encoder: hash, data, side: encoder.meta.side, output: 'pooled', backend: runtime.name };
    return cache.get(key, extract);
  };
  return {
    name,
    encoder,
    features: (images) => {
      const features = remembered.get(images.fingerprint) ?? make(images);
      remembered.set(images.fingerprint, features);
      return features;
    },
    augmented: (images, recipe, epoch) => extractor.extract(images, { recipe, epoch, onProgress }),
    dispose: () => extractor.dispose(),
  };
}

/** The same network as it is before training, from the run's kind of initialisation. */
export function untrained(encoder: LoadedEncoder, seed: number): { encoder: LoadedEncoder; hash: string } {
  const { backbone, meta } = encoder;
  const weights = createWeights(backbone.specs, Rng.create(seed).fork('weights'), 'untrained/');
  const hash = sha256(JSON.stringify(['untrained', backbone.name, backbone.options, meta, seed]));
  return { encoder: { backbone, meta, weights, path: 'random initialisation' }, hash };
}

/** SHA-256 of an encoder's file. */
export const hashOfFile = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Features with the labels of their images. @throws SslError `DATA` if the images have none. */
export async function labelledFeatures(subject: Subject, images: EvaluationImages): Promise<LabelledFeatures> {
  if (images.labels === undefined) throw new SslError('DATA', 'The images have no labels, which this protocol needs.');
  return { ...(await subject.features(images)), labels: images.labels };
}
