import { tinyBackbone } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { batchOf, trainerOf } from '../test/train.js';
import { byol, densecl, MOCO_V1, MOCO_V2_PLUS, moco, mocoV3, nnclr, simclr, simsiam } from './index.js';

const backbone = tinyBackbone();
const small = { backbone, dim: 4 };
const hosts = {
  'moco v1': () => moco({ ...small, ...MOCO_V1, queueSize: 16 }),
  'moco v2': () => moco({ ...small, queueSize: 16 }),
  'moco v2+': () => moco({ ...small, ...MOCO_V2_PLUS, ...{ hidden: 8, dim: 4, queueSize: 16 } }),
  'moco, one queue for both views, shuffled': () => moco({ ...small, queueSize: 16, loss: 'sum', shuffle: true }),
  'moco v3': () => mocoV3({ ...small, hidden: 8 }),
  'moco v3 with heads for a ViT': () => mocoV3({ ...small, hidden: 8, heads: 'vit' }),
  simsiam: () => simsiam({ ...small, hidden: 8, predictorHidden: 4 }),
  byol: () => byol({ ...small, hidden: 8 }),
  densecl: () => densecl({ ...small, hidden: 8, queueSize: 16 }),
  nnclr: () => nnclr({ ...small, hidden: 8, predictorHidden: 8, supportSize: 16 }),
  'nnclr of lightly': () =>
    nnclr({ ...small, hidden: 8, predictorHidden: 8, supportSize: 16, contrast: 'ntXent', temperature: 0.5 }),
  simclr: () => simclr({ ...small, hidden: 8, temperature: 0.5 }),
};

describe.each(Object.entries(hosts))('%s in the trainer', (name, create) => {
  it('lowers its loss on fixed data', async () => {
    const trainer = trainerOf(create(), { batch: 8, learningRate: name === 'byol' ? 0.02 : 0.2 });
    const losses: number[] = [];
    for (let i = 0; i < 30; i++) losses.push((await trainer.step([batchOf(1, 8)])).metrics.loss!);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
    // Queues hold two batches: by step 2 they hold keys of these images, no random rows.
    expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(2, 7)));
    trainer.dispose();
  });

  it('keeps the number of tensors constant over five steps', async () => {
    const trainer = trainerOf(create());
    await trainer.step([batchOf(0)], { record: true });
    const { numTensors } = tf.memory();
    for (let i = 1; i <= 5; i++) {
      await trainer.step([batchOf(i)], { record: true });
      expect(tf.memory().numTensors).toBe(numTensors);
    }
    trainer.dispose();
  });

  it('goes on bit for bit from a snapshot', async () => {
    const [whole, resumed] = [trainerOf(create()), trainerOf(create())];
    await whole.step([batchOf(1)]);
    const snapshot = await whole.snapshot();
    await whole.step([batchOf(2)]);
    await resumed.restore(snapshot);
    await resumed.step([batchOf(2)]);
    const [a, b] = [await whole.snapshot(), await resumed.snapshot()];
    expect(b.tensors).toEqual(a.tensors);
  });
});
