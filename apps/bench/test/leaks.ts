// Does anything grow while a run goes on? Steps of the real trainer and loader, and a line fitted through what they hold.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BroadcastChannel } from 'node:worker_threads';
import { createLoader } from '@contrastive/augment/loader';
import * as tf from '@tensorflow/tfjs-core';
import { assemble } from '../src/assemble.js';
import { parseConfig, type RunConfigInput } from '../src/config.js';

/** Growth per step, once caches and pools have filled. */
export interface Slopes {
  readonly tensors: number;
  /** Open timers, sockets and other resources of the event loop. */
  readonly resources: number;
  readonly fileDescriptors: number;
  /** Living objects of the main thread, kB; only with `--expose-gc`, else 0. */
  readonly heapKb: number;
  /** Living objects of the threads that make views, kB; only with `--import heap-probe.mjs` too, else 0. */
  readonly workerHeapKb: number;
  /** Resident memory, kB: all threads, and what the libraries hold. */
  readonly memoryKb: number;
}

/**
 * At most so much per step. Heaps are measured after a collection and repeat to some kB, so that over 1,000 steps less than a forgotten
 * closure a step shows. Resident memory goes up and down by MBs as allocators keep and return pages: its bound finds a lost 32 × 32
 * image (12 kB) a step, not less.
 */
export const BOUNDS: Slopes = {
  ...{ tensors: 0, resources: 0.01, fileDescriptors: 0.01 },
  ...{ heapKb: 0.15, workerHeapKb: 0.15, memoryKb: 8 },
};

const quiet = { message: () => {}, status: () => {}, update: () => {}, epoch: () => {}, end: () => {} };

/** Trains `epochs` epochs; a full record every 20 steps, a snapshot and a sample every epoch. The first half is discarded. */
export async function measureLeaks(input: RunConfigInput, epochs: number): Promise<Slopes> {
  const config = parseConfig({ ...input, epochs }, () => 'leaks');
  const { trainer, images } = await assemble(config, quiet);
  const { side, batch, seed, viewWorkers } = config;
  const loader = await createLoader({ source: images, views: trainer.plan, side, batch, seed, workers: viewWorkers });
  const workers = new BroadcastChannel('heap');
  const samples: Slopes[] = [];
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      for await (const micro of loader.epoch(epoch)) {
        await trainer.step([micro], { record: trainer.stepsDone % 20 === 0 });
        micro.release();
      }
      await trainer.snapshot();
      if (epoch > epochs / 2) samples.push(await sample(workers));
    }
  } finally {
    workers.close();
    await loader.close();
    trainer.dispose();
    await images.close();
  }
  const slope = (key: keyof Slopes) => slopeOf(samples.map((s) => s[key])) / loader.batches;
  return {
    tensors: slope('tensors'),
    resources: slope('resources'),
    fileDescriptors: slope('fileDescriptors'),
    heapKb: slope('heapKb'),
    workerHeapKb: slope('workerHeapKb'),
    memoryKb: slope('memoryKb'),
  };
}

async function sample(workers: BroadcastChannel): Promise<Slopes> {
  const { gc } = globalThis;
  const workerHeapKb = gc === undefined ? 0 : (await workerHeap(workers)) / 1024;
  await gc?.({ type: 'major', execution: 'async' });
  return {
    tensors: tf.memory().numTensors,
    resources: process.getActiveResourcesInfo().length,
    fileDescriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
    heapKb: gc === undefined ? 0 : process.memoryUsage().heapUsed / 1024,
    workerHeapKb,
    memoryKb: process.memoryUsage().rss / 1024,
  };
}

/** Bytes that the first worker thread to answer has in use; 0 if none answers. */
async function workerHeap(channel: BroadcastChannel): Promise<number> {
  const answer = new Promise<number>((resolve) => {
    channel.onmessage = (message) => resolve((message as { data: number }).data);
  });
  channel.postMessage('collect');
  return Promise.race([answer, sleep(2000, 0)]);
}

/** Theil and Sen: the median of the slopes between all pairs, which single jumps do not move. */
function slopeOf(values: readonly number[]): number {
  const slopes = values.flatMap((a, i) => values.slice(i + 1).map((b, j) => (b - a) / (j + 1))).sort((a, b) => a - b);
  const middle = Math.floor(slopes.length / 2);
  return slopes.length % 2 === 1 ? slopes[middle]! : ((slopes[middle - 1] ?? 0) + (slopes[middle] ?? 0)) / 2;
}
