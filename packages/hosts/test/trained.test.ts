import { type Module, mlp } from '@contrastive/core';
import { expectClose, tinyBackbone } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { moco } from '../src/index.js';
import { HOSTS } from './hosts.js';
import { batchOf, joined, trainerOf } from './train.js';

describe.each(Object.entries(HOSTS))('%s in the trainer', (name, create) => {
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

  it('trains every weight of the online network that is not frozen', async () => {
    const trainer = trainerOf(create(), { learningRate: 0.05 });
    const before = (await trainer.snapshot()).tensors;
    for (let i = 0; i < 2; i++) await trainer.step([batchOf(i)]);
    const after = (await trainer.snapshot()).tensors;
    const still = Object.keys(before).filter(
      (path) => path.startsWith('online/') && String(before[path]!.data) === String(after[path]!.data),
    );
    // SimSiam's last bias, which the batch norm behind it would take off again.
    expect(still).toEqual(name === 'simsiam' ? ['online/projector/layer2/bias'] : []);
    trainer.dispose();
  });

  it('reports its collapse check', async () => {
    const trainer = trainerOf(create());
    const { metrics } = await trainer.step([batchOf(1)], { record: true });
    expect(metrics['host/std']).toBeGreaterThan(0);
    expect(metrics['host/std']).toBeLessThanOrEqual(0.5 + 1e-6); // 1/√dim, the most that unit rows can have
    trainer.dispose();
  });
});

describe('momentum hosts', () => {
  const momentum = Object.entries(HOSTS).filter(([, create]) => create().networks.target === 'momentum');

  it.each(momentum)('%s: the first update changes nothing, the second moves the target', async (_name, create) => {
    const trainer = trainerOf(create());
    const kernels = async (owner: string) =>
      Array.from((await trainer.snapshot()).tensors[`${owner}/backbone/conv/kernel`]!.data);
    const start = await kernels('online');
    await trainer.step([batchOf(1)]);
    const first = await kernels('target');
    expectClose(first, start, { rel: 1e-6 });
    await trainer.step([batchOf(2)]);
    expect(await kernels('target')).not.toEqual(first);
    expectClose(await kernels('target'), start, { abs: 1e-2 });
    trainer.dispose();
  });
});

describe('hosts with a queue', () => {
  const queued = Object.entries(HOSTS).filter(([name]) => /moco v[12]|demo|one queue|densecl|^nnclr$/.test(name));

  it.each(queued)('%s: all rows of its queues stay unit', async (_name, create) => {
    const trainer = trainerOf(create());
    for (let i = 0; i < 5; i++) await trainer.step([batchOf(i)]);
    const { tensors } = await trainer.snapshot();
    const queues = Object.entries(tensors).filter(([path, t]) => path.startsWith('host/') && t.shape.length === 2);
    expect(queues.length).toBeGreaterThan(0);
    for (const [, { data, shape }] of queues) {
      const norms = tf.norm(tf.tensor2d(data, shape as [number, number]), 2, 1).dataSync();
      for (const norm of norms) expect(norm).toBeCloseTo(1, 5);
    }
    trainer.dispose();
  });
});

describe('accumulation', () => {
  const head = (inputs: number): Module => mlp(inputs, [{ width: 4 }]);

  it.each(['simsiam', 'byol'])('of %s equals one big batch, without batch norm', async (name) => {
    const create = () => HOSTS[name]!({ projector: head(6), predictor: head(4) });
    const [split, big] = [trainerOf(create(), { accumulate: 2 }), trainerOf(create(), { batch: 8 })];
    const [a, b] = [batchOf(1), batchOf(2)];
    for (let i = 0; i < 2; i++) {
      const [s, w] = [await split.step([a, b]), await big.step([joined(a, b)])];
      expect(s.metrics.loss).toBeCloseTo(w.metrics.loss!, 5);
    }
    const [s, w] = [(await split.snapshot()).tensors, (await big.snapshot()).tensors];
    for (const [path, { data }] of Object.entries(w)) {
      for (const [i, value] of data.entries()) expect(s[path]!.data[i]).toBeCloseTo(value, 5);
    }
  });
});

describe('shuffle batch norm', () => {
  it('changes nothing where statistics are those of the whole batch', async () => {
    const normed = mlp(6, [{ width: 8, norm: 'affine', relu: true }, { width: 4 }]);
    const losses = async (shuffle: boolean) => {
      const host = moco({ backbone: tinyBackbone(), projector: normed, dim: 4, queueSize: 16, shuffle });
      const trainer = trainerOf(host);
      const found: number[] = [];
      for (let i = 0; i < 3; i++) found.push((await trainer.step([batchOf(i)])).metrics.loss!);
      trainer.dispose();
      return found;
    };
    const [plain, shuffled] = [await losses(false), await losses(true)];
    for (const [i, loss] of plain.entries()) expect(shuffled[i]).toBeCloseTo(loss, 5);
  });
});
