import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { mirror } from '../test/mirror.js';
import { momentumHost, recipe } from '../test/tiny.js';
import { ALONE, createCollective, otherImages } from './collective.js';
import { hostInts, hostTensor } from './host-tensor.js';
import { batchNormalization } from './ops/batch-norm.js';
import { sgd } from './optim/sgd.js';
import { globalBatch, ownRows } from './plugin.js';
import { Trainer } from './trainer.js';

const values = (t: tf.Tensor) => Array.from(t.dataSync());

describe('a collective', () => {
  it('lays tensors end to end for one exchange and gives them back in their shapes', () => {
    const seen: number[][] = [];
    const workers = createCollective(
      { size: 2, rank: 0 },
      {
        reduce: (x) => {
          seen.push(values(x));
          return tf.mul(x, 10);
        },
        concat: (x) => x,
      },
    );
    const [a, b, c] = workers.reduceMean([tf.tensor2d([[1, 2]]), tf.scalar(3), tf.tensor1d([4, 5])]);
    expect(seen).toEqual([[1, 2, 3, 4, 5]]);
    expect([a!.shape, b!.shape, c!.shape]).toEqual([[1, 2], [], [2]]);
    expect([a, b, c].flatMap((t) => values(t!))).toEqual([10, 20, 30, 40, 50]);
    expect(workers.reduceMean([])).toEqual([]);
    expect(seen).toHaveLength(1);
  });

  it('gathers rows, and sends back the sum of what all workers say of the own ones', () => {
    const workers = mirror(1);
    const x = tf.tensor2d([[1], [2]]);
    expect(values(workers.gather(x))).toEqual([1, 2, 1, 2]);
    // Both workers say 1, 2, 3, 4 of the four rows; rank 1 has the last two.
    const factors = tf.tensor2d([[1], [2], [3], [4]]);
    const gradient = tf.grad((rows) => tf.sum(tf.mul(workers.gather(rows), factors)))(x);
    expect(values(gradient)).toEqual([6, 8]);
    expect(values(workers.own(workers.gather(tf.tensor1d([7, 8], 'int32'))))).toEqual([7, 8]);
  });

  it('of one worker changes nothing', () => {
    const x = tf.tensor1d([1, 2]);
    expect([ALONE.gather(x), ALONE.own(x), ...ALONE.reduceMean([x])]).toEqual([x, x, x]);
  });
});

describe('otherImages', () => {
  it('hides the anchor itself, which lies behind the rows of lower ranks', () => {
    expect(values(otherImages(ALONE, 2))).toEqual([0, 1, 1, 0]);
    expect(values(otherImages({ size: 2, rank: 1 }, 2))).toEqual([1, 1, 0, 1, 1, 1, 1, 0]);
  });
});

describe('ownRows', () => {
  const info = (rank: number) => ({ batch: 1, workers: { size: 2, rank, batchNorm: 'local' as const } });
  it('takes the entries of the own images along any axis', () => {
    const draws = hostTensor<tf.Rank.R2>([2, 2], [1, 2, 3, 4]);
    expect(ownRows(info(1), draws)).toEqual(hostTensor([1, 2], [3, 4]));
    expect(ownRows(info(1), draws, 1)).toEqual(hostTensor([2, 1], [2, 4]));
    expect(ownRows({}, draws)).toBe(draws);
    expect([globalBatch(info(0)), globalBatch({ batch: 3 })]).toEqual([2, 3]);
  });
});

describe('batch norm over workers', () => {
  const pass = { training: true, updateStats: true };
  const running = () => ({ mean: tf.variable(tf.zeros([2])), variable: tf.variable(tf.ones([2])) });

  it('has the statistics and gradients of the whole batch', () => {
    const x = tf.tensor2d([0.3, 1, -2, 0.5, 1.7, -0.4, 0.9, 2.2], [4, 2]);
    const whole = tf.concat([x, x]);
    const weights = tf.tensor2d([1, -2, 0.5, 3, -1, 0.7, 2, -0.3], [4, 2]);
    const run = (input: tf.Tensor, workers: typeof ALONE, factors: tf.Tensor) => {
      const { mean, variable: variance } = running();
      const [gamma, beta] = [tf.tensor1d([1.5, 0.5]), tf.tensor1d([0.1, -0.2])];
      const f = (a: tf.Tensor) => batchNormalization(a, { gamma, beta, mean, variance }, { ...pass, workers });
      const y = f(input);
      const statistics = [...values(mean), ...values(variance)];
      return { y, statistics, gradient: tf.grad((a) => tf.sum(tf.mul(tf.square(f(a)), factors)))(input) };
    };
    const shared = run(x, mirror(), weights);
    const alone = run(whole, ALONE, tf.concat([weights, weights]));
    const close = (a: number[], b: number[]) => {
      for (const [i, v] of a.entries()) expect(v).toBeCloseTo(b[i]!, 5);
    };
    close(values(shared.y), values(alone.y).slice(0, 8));
    close(shared.statistics, alone.statistics);
    close(values(shared.gradient), values(alone.gradient).slice(0, 8));
  });
});

describe('a trainer with workers', () => {
  const trainerOf = (batch: number, collective = mirror()) =>
    new Trainer({
      host: momentumHost(),
      optimizer: sgd({ learningRate: 0.1 }),
      schedule: () => 0.1,
      ...{ batch, side: 2, epochs: 1, stepsPerEpoch: 4, seed: 1, recipes: [recipe], collective },
    });

  it('takes its part of the global batch', async () => {
    const trainer = trainerOf(4);
    expect(trainer.info).toMatchObject({ batch: 2, workers: { size: 2, rank: 0, batchNorm: 'synchronised' } });
    const images = hostTensor([2, 2, 2, 3], new Float32Array(24).fill(0.5));
    const { metrics } = await trainer.step([{ images: { view1: images, view2: images }, ids: hostInts([0, 1]) }]);
    expect(metrics.loss).toBeGreaterThan(0);
    expect((await trainer.snapshot()).meta.parts.batch).toBe(4);
    trainer.dispose();
  });

  it('refuses a batch that the workers cannot share', () => {
    expect(() => trainerOf(5)).toThrow('batch is 5, but it must be a multiple of the 2 workers');
  });

  it('refuses to start unless all workers are equal, and names what differs', async () => {
    const other = createCollective(
      { size: 2, rank: 0 },
      {
        reduce: (x) => x,
        // The other worker has another checksum of the first variable.
        concat: (x) => (x.size === 1 ? tf.concat([x, x]) : tf.concat([x, tf.add(x, tf.oneHot([1], x.size))])),
      },
    );
    const trainer = trainerOf(4, other);
    const images = hostTensor([2, 2, 2, 3], new Float32Array(24));
    const step = trainer.step([{ images: { view1: images, view2: images }, ids: hostInts([0, 1]) }]);
    const first = Object.keys(trainer.variables)[0]!;
    await expect(step).rejects.toMatchObject({ code: 'WORKERS_DIFFER' });
    await expect(step).rejects.toThrow(`rank 1 and rank 0 differ in ${first}.`);
    trainer.dispose();
  });
});
