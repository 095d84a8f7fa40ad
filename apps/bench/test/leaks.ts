// Does anything grow while a run goes on? Steps of the real trainer and loader, and a line fitted through what they hold.
import { readdirSync } from 'node:fs';
import { createLoader } from '@contrastive/augment/loader';
import * as tf from '@tensorflow/tfjs-core';
import { assemble } from '../src/assemble.js';
import { parseConfig, type RunConfigInput } from '../src/config.js';

/** Growth per step, by least squares over the second half of the steps, when caches and pools have filled. */
export interface Slopes {
  readonly tensors: number;
  /** Open timers, sockets and other resources of the event loop. */
  readonly resources: number;
  readonly fileDescriptors: number;
  /** Resident memory, kB. It holds the heaps of all worker threads. */
  readonly memoryKb: number;
}

/** At most so much per step. A lost 32 × 32 image is 12 kB, a lost batch of views far more. */
export const BOUNDS: Slopes = { tensors: 0, resources: 0.01, fileDescriptors: 0.01, memoryKb: 8 };

const quiet = { message: () => {}, status: () => {}, update: () => {}, epoch: () => {}, end: () => {} };

/** Trains `epochs` of `stepsPerEpoch` steps; a full record every 20 steps, a snapshot every epoch. */
export async function measureLeaks(input: RunConfigInput, epochs: number): Promise<Slopes> {
  const config = parseConfig({ ...input, epochs }, () => 'leaks');
  const { trainer, images } = await assemble(config, quiet);
  const { side, batch, seed, viewWorkers: workers } = config;
  const loader = await createLoader({ source: images, views: trainer.plan, side, batch, seed, workers });
  const samples: Slopes[] = [];
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      for await (const micro of loader.epoch(epoch)) {
        await trainer.step([micro], { record: trainer.stepsDone % 20 === 0 });
        micro.release();
        samples.push(sample());
      }
      await trainer.snapshot();
    }
  } finally {
    await loader.close();
    trainer.dispose();
    await images.close();
  }
  const late = samples.slice(Math.floor(samples.length / 2));
  const slope = (key: keyof Slopes) => slopeOf(late.map((s) => s[key]));
  return {
    tensors: slope('tensors'),
    resources: slope('resources'),
    fileDescriptors: slope('fileDescriptors'),
    memoryKb: slope('memoryKb'),
  };
}

const sample = (): Slopes => ({
  tensors: tf.memory().numTensors,
  resources: process.getActiveResourcesInfo().length,
  fileDescriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
  memoryKb: process.memoryUsage().rss / 1024,
});

/** Least squares. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  let [xy, xx] = [0, 0];
  for (const [x, y] of values.entries()) {
    xy += (x - middle) * (y - mean);
    xx += (x - middle) ** 2;
  }
  return xx === 0 ? 0 : xy / xx;
}
