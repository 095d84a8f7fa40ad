import { createEvaluationLoader, createLoader } from '@contrastive/augment/loader';
import type { Runtime, ViewRecipe } from '@contrastive/core';
import type { ImageSet } from '@contrastive/data';
import { type FeatureMatrix, nearest, umap } from '@contrastive/evaluate';
import type { Picture, RunPictures } from '@contrastive/report';
import { makeRecipes, normalizationOf } from './catalogue.js';
import type { RunConfig } from './config.js';
import { defaultsFor } from './defaults.js';
import { disposeEncoder, type LoadedEncoder, loadEncoder } from './encoder-file.js';
import { FeatureExtractor } from './evaluation/feature-extractor.js';
import { type EvaluationImages, evenly, subset } from './evaluation/image-subset.js';
import { testResize } from './evaluation/test-view.js';
import { type DataOutput, openData } from './image-data.js';

const QUERIES = 12;
const NEIGHBOURS = 8;
const PAIRS = 12;

/** Images of a run and what its encoder makes of them. */
export interface PictureFindings extends RunPictures {
  /** Pooled features of the sampled images. */
  readonly features: FeatureMatrix;
  /** The sampled images, in the features' order. */
  readonly images: readonly Picture[];
  readonly labels: readonly (string | undefined)[];
}

/**
 * View pairs, nearest neighbours and a UMAP of a run, from its data and its encoder.
 *
 * @param config of the run. @param location run folder or encoder file. @param sample images of neighbours and map, evenly spread over
 *   the test images, or over all where there are none.
 * @throws SslError if the data or the encoder cannot be read.
 */
export async function picturesOf(
  config: RunConfig,
  location: string,
  sample: number,
  runtime: Runtime,
  output: DataOutput,
): Promise<PictureFindings> {
  const encoder = loadEncoder(location);
  try {
    const images = await openData(config, output);
    try {
      const viewPairs = await viewPairsOf(config, images, encoder);
      const test = await openTest(config, output);
      const shown = test ?? images;
      try {
        return { viewPairs, ...(await lookAt(encoder, sampleOf(shown, sample), shown.classNames, runtime)) };
      } finally {
        await test?.close();
      }
    } finally {
      await images.close();
    }
  } finally {
    disposeEncoder(encoder);
  }
}

/** The test images; undefined where the data has none. */
async function openTest(config: RunConfig, output: DataOutput): Promise<ImageSet | undefined> {
  try {
    return await openData({ ...config, split: 'test' }, output);
  } catch (error) {
    if ((error as { code?: string }).code === 'DATA') return undefined;
    throw error;
  }
}

async function viewPairsOf(
  config: RunConfig,
  images: ImageSet,
  { meta, backbone }: LoadedEncoder,
): Promise<RunPictures['viewPairs']> {
  const { recipe } = defaultsFor(config, images.count, backbone.channels);
  const [view1, view2 = view1] = makeRecipes(config.recipe ?? recipe, normalizationOf(config.normalization));
  const batch = Math.min(PAIRS, images.count);
  const views = { view1: view1 as ViewRecipe, view2: view2 as ViewRecipe };
  const loader = await createLoader({ source: images, views, side: meta.side, batch, seed: config.seed, workers: 0 });
  try {
    for await (const { images: made, release } of loader.epoch(1)) {
      const [first, second] = [made.view1!, made.view2!].map((view) => picturesIn(view.data, meta));
      release();
      return first!.map((picture, i) => [picture, second![i]!] as const);
    }
    return [];
  } finally {
    await loader.close();
  }
}

type Scale = Pick<LoadedEncoder['meta'], 'side' | 'mean' | 'std'>;

/** Bytes of normalised images. */
function picturesIn(data: ArrayLike<number>, { side, mean, std }: Scale): Picture[] {
  const size = side * side * 3;
  return Array.from({ length: data.length / size }, (_, image) => ({
    width: side,
    height: side,
    data: Uint8Array.from({ length: size }, (__, i) => {
      const value = data[image * size + i]! * std[i % 3]! + mean[i % 3]!;
      return Math.min(255, Math.max(0, Math.round(255 * value)));
    }),
  }));
}

/** Every n-th image, so that classes keep their shares whatever the order. */
const sampleOf = (images: ImageSet, most: number): EvaluationImages =>
  subset(images, evenly(Math.min(most, images.count), images.count));

async function lookAt(
  encoder: LoadedEncoder,
  images: EvaluationImages,
  classNames: readonly string[],
  runtime: Runtime,
): Promise<Omit<PictureFindings, 'viewPairs'>> {
  const pictures = await picturesAt(encoder, images);
  const extractor = new FeatureExtractor(encoder, runtime);
  const features = await extractor.extract(images).finally(() => extractor.dispose());
  const { labels: classes } = images;
  const labels = pictures.map((_, i) => (classes === undefined ? undefined : classNames[classes[i]!]));
  const queries = await neighboursOf(features, pictures, labels);
  const neighbors = Math.min(15, features.rows - 1);
  // Below that a map shows nothing.
  if (neighbors < 5) return { features, images: pictures, labels, queries };
  const { points, caption } = await umap(features, { neighbors });
  return { features, images: pictures, labels, queries, map: { points, labels: classes, classNames, caption } };
}

/** The images as the encoder sees them. */
async function picturesAt({ meta }: LoadedEncoder, source: EvaluationImages): Promise<Picture[]> {
  const loader = await createEvaluationLoader({
    ...{ source, side: meta.side, resize: testResize(meta.side), batch: Math.min(100, source.count), workers: 0 },
    normalization: { mean: meta.mean, std: meta.std },
  });
  const pictures: Picture[] = [];
  try {
    for await (const batch of loader.epoch(1)) {
      pictures.push(...picturesIn(batch.images.view1!.data, meta));
      batch.release();
    }
    return pictures;
  } finally {
    await loader.close();
  }
}

async function neighboursOf(
  features: FeatureMatrix,
  pictures: readonly Picture[],
  labels: readonly (string | undefined)[],
): Promise<RunPictures['queries']> {
  const { rows, dim, data } = features;
  const count = Math.min(QUERIES, rows);
  const ids = Array.from({ length: count }, (_, q) => Math.floor(((q + 0.5) * rows) / count));
  const query = new Float32Array(count * dim);
  for (const [q, id] of ids.entries()) query.set(data.subarray(id * dim, (id + 1) * dim), q * dim);
  const found = await nearest(features, { rows: count, dim, data: query }, { k: Math.min(NEIGHBOURS + 1, rows) });
  return ids.map((id, q) => ({
    ...{ image: pictures[id]!, label: labels[id] },
    neighbours: Array.from({ length: found.k }, (_, n) => q * found.k + n)
      .filter((place) => found.indices[place] !== id)
      .slice(0, NEIGHBOURS)
      .map((place) => {
        const other = found.indices[place]!;
        return { image: pictures[other]!, label: labels[other], similarity: found.values[place]! };
      }),
  }));
}
