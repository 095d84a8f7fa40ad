import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { momentumHost, recipe, tinyBatch } from '../test/tiny.js';
import { guardStep, norm } from './guard.js';
import { hostTensor } from './host-tensor.js';
import { sgd } from './optim/sgd.js';
import { checkFinite } from './snapshot.js';
import { type Batch, MAX_SKIPPED_IN_A_ROW, Trainer, type TrainerOptions } from './trainer.js';

const create = (overrides: Partial<TrainerOptions> = {}) =>
  new Trainer({
    host: momentumHost({}, true),
    optimizer: sgd({ learningRate: 0.2 }),
    schedule: () => 0.2,
    ...{ batch: 4, side: 2, epochs: 9, stepsPerEpoch: 3, seed: 1, recipes: [recipe] },
    ...overrides,
  });

const values = async (trainer: Trainer, ignore = 'accumulated/') =>
  Object.fromEntries(
    Object.entries((await trainer.snapshot()).tensors)
      .filter(([path]) => !path.startsWith(ignore))
      .map(([path, t]) => [path, Array.from(t.data)]),
  );

/** A batch whose images are all `value`: its loss is not finite. */
function broken(value = Number.NaN): Batch {
  const batch = tinyBatch(0);
  const spoil = ({ shape, data }: Batch['ids']) => hostTensor(shape, new Float32Array(data.length).fill(value));
  return { ...batch, images: Object.fromEntries(Object.entries(batch.images).map(([name, t]) => [name, spoil(t)])) };
}

describe('norm', () => {
  it('is the root of the sum of all squares', () => {
    expect(norm([tf.tensor1d([3, 0]), tf.tensor2d([[4]]), tf.scalar(12)]).dataSync()[0]).toBe(13);
  });
});

describe('guardStep', () => {
  const at = (loss: number, gradientNorm: number, maxGradientNorm?: number) =>
    tf.tidy(() => {
      const [changed, same] = [tf.variable(tf.tensor1d([1, 2])), tf.variable(tf.scalar(7, 'int32'))];
      const undo = guardStep({ variables: [changed, same], maxGradientNorm }, []);
      changed.assign(tf.tensor1d([Number.NaN, 5]));
      const applied = undo({ loss: tf.scalar(loss), gradientNorm: tf.scalar(gradientNorm) }).dataSync()[0];
      return { applied, changed: Array.from(changed.dataSync()), same: same.dataSync()[0] };
    });
  const undone = { applied: 0, changed: [1, 2], same: 7 };

  it('leaves a good step alone', () => {
    expect(at(-3, 4)).toEqual({ applied: 1, changed: [Number.NaN, 5], same: 7 });
    expect(at(3, 4, 5).applied).toBe(1);
  });

  it.each([
    ['a NaN loss', Number.NaN, 1, undefined],
    ['an infinite loss', -Number.POSITIVE_INFINITY, 1, undefined],
    ['a NaN gradient', 1, Number.NaN, undefined],
    ['an infinite gradient', 1, Number.POSITIVE_INFINITY, undefined],
    ['a gradient at the limit', 1, 5, 5],
  ])('undoes %s', (_what, loss, gradientNorm, limit) => {
    expect(at(loss, gradientNorm, limit)).toEqual(undone);
  });
});

describe('Trainer', () => {
  it('gives the gradient norm with a record, and with a limit always', async () => {
    expect((await create().step([tinyBatch(1)])).metrics).not.toHaveProperty('gradientNorm');
    const { gradientNorm } = (await create().step([tinyBatch(1)], { record: true })).metrics;
    expect(gradientNorm).toBeGreaterThan(0);
    expect((await create({ maxGradientNorm: 1e9 }).step([tinyBatch(1)])).metrics.gradientNorm).toBe(gradientNorm);
  });

  it('measures the mean gradient of all micro-batches, with which the optimiser moves the weights', async () => {
    const optimizer = sgd({ learningRate: 0.2, momentum: 0, weightDecay: 0 });
    const trainer = create({ accumulate: 2, optimizer });
    const weights = async () => {
      const all = Object.entries(await values(trainer));
      return all.filter(([path]) => path.startsWith('online/') && path.endsWith('/kernel')).flatMap(([, data]) => data);
    };
    const before = await weights();
    const { metrics } = await trainer.step([tinyBatch(0), tinyBatch(1)], { record: true });
    const moved = Math.hypot(...(await weights()).map((w, i) => w - before[i]!));
    expect(metrics.gradientNorm! / (moved / 0.2)).toBeCloseTo(1, 4);
  });

  it('skips a step that diverged as if it had not been, and goes on', async () => {
    const trainer = create({ onDivergence: 'skip' });
    await trainer.step([tinyBatch(0)]);
    const before = await values(trainer);
    const bad = await trainer.step([broken()]);
    expect(bad).toMatchObject({ step: 2, skipped: true });
    expect(bad.metrics.loss).toBeNaN();
    expect(await values(trainer)).toEqual(before);
    const good = await trainer.step([tinyBatch(2)]);
    expect(good.skipped).toBe(false);
    expect(good.metrics.loss).toSatisfy(Number.isFinite);
    expect(await values(trainer)).not.toEqual(before);
  });

  it('skips every step over the limit of the gradient norm', async () => {
    const trainer = create({ onDivergence: 'skip', maxGradientNorm: 1e-9 });
    const before = await values(trainer);
    expect((await trainer.step([tinyBatch(0)])).skipped).toBe(true);
    expect(await values(trainer)).toEqual(before);
  });

  it('does with a skipping guard what it does without, where nothing diverges', async () => {
    const [plain, guarded] = [create(), create({ onDivergence: 'skip' })];
    for (let i = 0; i < 3; i++) for (const trainer of [plain, guarded]) await trainer.step([tinyBatch(i)]);
    expect(await values(guarded)).toEqual(await values(plain));
  });

  it.each([0, 1])('does not move the weights if micro-batch %i of two diverged', async (which) => {
    const trainer = create({ onDivergence: 'skip', accumulate: 2 });
    const weights = async () => (await values(trainer))['online/backbone/kernel'];
    const before = await weights();
    const batches = [tinyBatch(0), tinyBatch(1)].map((good, i) => (i === which ? broken() : good));
    expect((await trainer.step(batches)).skipped).toBe(true);
    expect(await weights()).toEqual(before);
    expect((await trainer.step([tinyBatch(0), tinyBatch(1)])).skipped).toBe(false);
    checkFinite(await trainer.snapshot());
  });

  it('gives up after too many skipped steps in a row', async () => {
    const trainer = create({ onDivergence: 'skip' });
    for (let i = 1; i < MAX_SKIPPED_IN_A_ROW; i++) await trainer.step([broken()]);
    await expect(trainer.step([broken()])).rejects.toMatchObject({
      code: 'NOT_FINITE',
      message: expect.stringMatching(/The loss became NaN at step 10 .*, after 10 skipped steps in a row\./),
    });
  });

  it('stops at a gradient over the limit', async () => {
    await expect(create({ maxGradientNorm: 1e-9 }).step([tinyBatch(0)])).rejects.toMatchObject({
      code: 'NOT_FINITE',
      message: expect.stringContaining('The gradient norm became '),
    });
  });

  it('scales the learning rate by a factor that a snapshot keeps', async () => {
    const trainer = create();
    trainer.learningRateFactor = 0.5;
    expect((await trainer.step([tinyBatch(0)])).learningRate).toBe(0.1);
    const other = create();
    await other.restore(await trainer.snapshot());
    expect(other.learningRateFactor).toBe(0.5);
    await other.restore({ ...(await create().snapshot()) });
    expect(other.learningRateFactor).toBe(1);
  });

  it('refuses limits and factors that are not positive', () => {
    expect(() => create({ maxGradientNorm: 0 })).toThrow(/maxGradientNorm/);
    const trainer = create();
    expect(() => {
      trainer.learningRateFactor = -1;
    }).toThrow(/learningRateFactor/);
  });
});

describe('checkFinite', () => {
  it('refuses a snapshot with a value that is not finite, by name', async () => {
    const trainer = create();
    checkFinite(await trainer.snapshot());
    const { meta, tensors } = await trainer.snapshot();
    const path = 'online/backbone/kernel';
    const spoilt = { ...tensors[path]!, data: Float32Array.of(Number.NaN) };
    expect(() => checkFinite({ meta, tensors: { ...tensors, [path]: spoilt } })).toThrow(
      'online/backbone/kernel is not finite after step 0.',
    );
  });
});
