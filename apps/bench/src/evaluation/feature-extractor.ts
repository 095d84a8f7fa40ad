import { createLoader } from '@contrastive/augment/loader';
import {
  type CompiledStep,
  type HostTensor,
  type Program,
  type Runtime,
  SslError,
  type ViewRecipe,
} from '@contrastive/core';
import { type FeatureMatrix, filledUp } from '@contrastive/evaluate';
import type * as tf from '@tensorflow/tfjs-core';
import type { LoadedEncoder } from '../encoder-file.js';
import type { EvaluationImages } from './image-subset.js';
import { testView } from './test-view.js';

export interface ExtractOptions {
  /** How views are made; default: no augmentation. */
  readonly recipe?: ViewRecipe | undefined;
  /** Augmented views differ from epoch to epoch. Default 1. */
  readonly epoch?: number | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Batches that are under way at once: while one is computed the next one's images are copied. */
const IN_FLIGHT = 2;

/**
 * Pooled features of images by one compiled forward pass, asynchronously: this thread makes the images of the next batches meanwhile. A
 * thread of their own would cost more than it gains: it takes a core from the library, and its start a tenth of a second. The last batch is
 * filled up, so that one program serves. Dispose it.
 */
export class FeatureExtractor {
  readonly #program: Program;
  /** By batch size: images fewer than a batch have one of their own. */
  readonly #steps = new Map<number, Promise<CompiledStep>>();

  /** @param encoder its weights are read once, now. @param batch images of a pass. */
  constructor(
    readonly encoder: LoadedEncoder,
    runtime: Runtime,
    readonly batch = 250,
  ) {
    this.#program = runtime.createProgram(encoder.weights);
  }

  /** [images, channels], in the order of the source. @throws SslError `NOT_FINITE` naming the image. */
  async extract(
    source: EvaluationImages,
    { recipe, epoch = 1, onProgress }: ExtractOptions = {},
  ): Promise<FeatureMatrix> {
    const { meta, backbone } = this.encoder;
    const { side } = meta;
    const batch = Math.min(this.batch, source.count);
    const view1 = recipe ?? testView(meta);
    const loader = await createLoader({
      ...{ source, views: { view1 }, side, batch, seed: 0, workers: 0, prefetch: IN_FLIGHT + 1 },
      ...{ shuffle: false, dropLast: false },
    });
    const dim = backbone.channels;
    const data = new Float32Array(source.count * dim);
    const running: Promise<void>[] = [];
    let done = 0;
    try {
      for await (const loaded of loader.epoch(epoch)) {
        const first = loaded.step * batch;
        const images = loaded.images.view1! as HostTensor<tf.Rank.R4>;
        running.push(
          this.#encode(images, batch).then((rows) => {
            data.set(rows, first * dim);
            loaded.release();
            done += images.shape[0];
            onProgress?.(done, source.count);
          }),
        );
        if (running.length >= IN_FLIGHT) await running.shift();
      }
      await Promise.all(running);
    } finally {
      await Promise.allSettled(running);
      await loader.close();
    }
    const bad = data.findIndex((v) => !Number.isFinite(v));
    if (bad >= 0) {
      const image = Math.floor(bad / dim);
      throw new SslError('NOT_FINITE', `${this.encoder.path}: image ${image} has the feature ${data[bad]}.`, {
        hint: 'The encoder diverged. Evaluate an earlier checkpoint.',
      });
    }
    return { data, rows: source.count, dim };
  }

  async #encode(given: HostTensor<tf.Rank.R4>, batch: number): Promise<Float32Array> {
    const images = filledUp(given, batch);
    const step = this.#steps.get(batch) ?? this.#prepare(images);
    this.#steps.set(batch, step);
    const { pooled } = await (await step).run({ images });
    return (pooled!.data as Float32Array).subarray(0, given.shape[0] * this.encoder.backbone.channels);
  }

  #prepare(images: HostTensor<tf.Rank.R4>): Promise<CompiledStep> {
    const { backbone, weights } = this.encoder;
    const pass = { training: false, updateStats: false };
    return this.#program.prepare(
      'encode',
      (inputs) => ({ pooled: backbone.apply(weights, inputs.images as tf.Tensor4D, pass).pooled }),
      { images },
    );
  }

  dispose(): void {
    this.#program.dispose();
  }
}
