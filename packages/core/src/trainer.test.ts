import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { momentumHost, recipe, siameseHost, tinyBatch } from '../test/tiny.js';
import { hostTensor } from './host-tensor.js';
import { sgd } from './optim/sgd.js';
import { Trainer, type TrainerOptions } from './trainer.js';

const create = (overrides: Partial<TrainerOptions> = {}) =>
  new Trainer({
    host: momentumHost(),
    optimizer: sgd({ learningRate: 0.2, weightDecay: 0.01 }),
    schedule: ({ step }) => 0.2 / (1 + step),
    batch: 4,
    side: 2,
    epochs: 2,
    stepsPerEpoch: 3,
    seed: 1,
    recipes: [recipe],
    ...overrides,
  });
const bytes = async (trainer: Trainer) => {
  const { tensors } = await trainer.snapshot();
  return Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, Array.from(t.data)]));
};

describe('Trainer', () => {
  it('counts steps and epochs and follows the schedule', async () => {
    const trainer = create();
    const reports = [];
    for (let i = 0; i < 4; i++) reports.push(await trainer.step([tinyBatch(i)]));
    expect(reports.map((r) => r.step)).toEqual([1, 2, 3, 4]);
    expect(reports.map((r) => r.info.epoch)).toEqual([1, 1, 1, 2]);
    expect(reports.map((r) => r.learningRate)).toEqual([0.2, 0.1, 0.2 / 3, 0.05]);
    expect(trainer.stepsDone).toBe(4);
  });

  it('names its variables by owner', () => {
    const { variables } = create({ accumulate: 2 });
    expect(Object.keys(variables).sort()).toEqual(
      [
        'online/backbone/kernel',
        'online/projector/kernel',
        'target/backbone/kernel',
        'target/projector/kernel',
        'host/queue',
        'optimizer/velocity/online/backbone/kernel',
        'optimizer/velocity/online/projector/kernel',
        'accumulated/online/backbone/kernel',
        'accumulated/online/projector/kernel',
      ].sort(),
    );
  });

  it('starts with a target that equals the online network', () => {
    const { variables } = create();
    const read = (name: string) => Array.from(variables[name]!.dataSync());
    expect(read('target/backbone/kernel')).toEqual(read('online/backbone/kernel'));
  });

  it.each([
    ['a momentum host', () => momentumHost({}, true)],
    ['a host without a target network', () => siameseHost({}, true)],
  ])('lowers the loss of %s on fixed data', async (_what, host) => {
    const trainer = create({ host: host(), schedule: () => 0.1, epochs: 20 });
    const losses = [];
    for (let i = 0; i < 30; i++) losses.push((await trainer.step([tinyBatch(1)])).metrics.loss!);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.05);
  });

  it('trains on views that are made inside the step just as on views that are given', async () => {
    const doubled = create({
      viewMaker: (plan) => ({
        shapes: { half: [2, 4, 2, 2, 3] },
        render: ({ half }) => {
          const views = tf.unstack(tf.mul(half!, 2)) as tf.Tensor4D[];
          return Object.fromEntries(Object.keys(plan).map((view, i) => [view, views[i]!]));
        },
      }),
    });
    const given = create();
    const { images, ...rest } = tinyBatch(1);
    const { view1, view2 } = images;
    const values = Float32Array.from([...view1!.data, ...view2!.data], (v) => v / 2);
    const half = hostTensor<tf.Rank.R5>([2, 4, 2, 2, 3], values);
    const losses = [await doubled.step([{ ...rest, images: { half } }]), await given.step([tinyBatch(1)])].map(
      ({ metrics }) => metrics.loss,
    );
    expect(losses[0]).toBe(losses[1]);
    expect(await bytes(doubled)).toEqual(await bytes(given));
    await expect(doubled.step([tinyBatch(1)])).rejects.toThrow(
      'half of the batch is missing, but this run needs [2, 4, 2, 2, 3]',
    );
  });

  it('is a pure function of seed and batches', async () => {
    const run = async (seed: number) => {
      const trainer = create({ seed });
      for (let i = 0; i < 2; i++) await trainer.step([tinyBatch(i)]);
      return bytes(trainer);
    };
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });

  it.each([1, 2])('keeps the number of tensors constant, %i micro-batches a step', async (accumulate) => {
    const trainer = create({ accumulate });
    const step = () =>
      trainer.step(
        Array.from({ length: accumulate }, (_, i) => tinyBatch(i)),
        { record: true },
      );
    await step();
    const { numTensors } = tf.memory();
    for (let i = 0; i < 5; i++) {
      await step();
      expect(tf.memory().numTensors).toBe(numTensors);
    }
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('frees all that it allocated', async () => {
    const { numTensors } = tf.memory();
    const trainer = create();
    await trainer.step([tinyBatch(1)]);
    trainer.dispose();
    trainer.dispose();
    expect(tf.memory().numTensors).toBe(numTensors);
    await expect(trainer.step([tinyBatch(1)])).rejects.toThrow(/disposed/);
  });

  it('goes on bit for bit from a snapshot', async () => {
    const whole = create({ host: momentumHost({}, true) });
    for (let i = 0; i < 2; i++) await whole.step([tinyBatch(i)]);
    const snapshot = await whole.snapshot();
    for (let i = 2; i < 5; i++) await whole.step([tinyBatch(i)]);

    const resumed = create({ host: momentumHost({}, true) });
    await resumed.restore(snapshot);
    expect(resumed.stepsDone).toBe(2);
    for (let i = 2; i < 5; i++) await resumed.step([tinyBatch(i)]);
    expect(await bytes(resumed)).toEqual(await bytes(whole));
  });

  it('refuses a snapshot of another configuration', async () => {
    const snapshot = await create().snapshot();
    await expect(create({ batch: 2 }).restore(snapshot)).rejects.toThrow(/batch was 4, now it is 2/);
    await expect(create({ seed: 2 }).restore(snapshot)).rejects.toThrow(/seed was 1, now it is 2/);
  });

  it('takes the same step from micro-batches as from one batch, where no statistic couples the images', async () => {
    const [a, b] = [tinyBatch(1), tinyBatch(2)];
    const joined = {
      images: Object.fromEntries(
        ['view1', 'view2'].map((view) => {
          const data = Float32Array.of(...a.images[view]!.data, ...b.images[view]!.data);
          return [view, { shape: [8, 2, 2, 3] as [number, number, number, number], dtype: 'float32' as const, data }];
        }),
      ),
      ids: { shape: [8] as [number], dtype: 'int32' as const, data: Int32Array.of(0, 1, 2, 3, 0, 1, 2, 3) },
    };
    // The queue is left alone, so that both micro-batches meet the same negatives.
    const host = () => momentumHost({ commit: () => {} });
    const split = create({ host: host(), accumulate: 2 });
    const big = create({ host: host(), batch: 8 });
    for (let i = 0; i < 2; i++) {
      const [s, w] = [await split.step([a, b]), await big.step([joined])];
      expect(s.metrics.loss).toBeCloseTo(w.metrics.loss!, 5);
    }
    const [s, w] = [await bytes(split), await bytes(big)];
    for (const [name, values] of Object.entries(w)) {
      for (const [i, value] of values.entries()) expect(s[name]![i]).toBeCloseTo(value, 5);
    }
  });

  it('reports terms and metrics only when asked to record', async () => {
    const trainer = create();
    expect(Object.keys((await trainer.step([tinyBatch(1)])).metrics)).toEqual(['loss']);
    const { metrics } = await trainer.step([tinyBatch(1)], { record: true });
    expect(Object.keys(metrics).sort()).toEqual(['gradientNorm', 'host/spread', 'loss', 'loss/global']);
  });

  it('gives the trained encoder', async () => {
    const trainer = create();
    const { backbone, weights } = await trainer.encoder();
    const images = tf.ones([2, 2, 2, 3]) as tf.Tensor4D;
    expect(backbone.apply(weights, images, { training: false, updateStats: false }).pooled.shape).toEqual([2, 4]);
  });

  it('refuses batches that do not fit', async () => {
    const trainer = create();
    await expect(trainer.step([])).rejects.toThrow(/takes 1 micro-batches, but 0 were given/);
    await expect(trainer.step([tinyBatch(1, ['view1'])])).rejects.toThrow(/view2 of the batch is missing/);
    await expect(trainer.step([tinyBatch(1, undefined, 3)])).rejects.toThrow(/is \[3,2,2,3\], but this run needs/);
  });

  it('stops at a loss that is not finite', async () => {
    const trainer = create();
    const broken = tinyBatch(1);
    broken.images.view1!.data.fill(Number.NaN);
    await expect(trainer.step([broken])).rejects.toMatchObject({ code: 'NOT_FINITE' });
  });
});
