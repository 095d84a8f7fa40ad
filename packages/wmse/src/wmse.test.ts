import { scoreTerms } from '@contrastive/core';
import { byol, moco, simclr, simsiam } from '@contrastive/hosts';
import { expectClose, expectGradients, seededTensor, tinyBackbone, valuesOf } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { givenRows } from '../parity/given-rows.js';
import { batchFor, recipe, runSteps, trainerOf } from '../test/run.js';
import { wmseHead } from './head.js';
import { resolveWmse, type WmseOptions } from './options.js';
import { wmse } from './wmse.js';

// Spec "wmse", example B.
const first = [1, 2, 2, 1, 3, 4, 4, 3, 5, 6, 6, 8];
const second = [1, 1, 2, 2, 3, 5, 5, 3, 4, 6, 7, 7];
const views = tf.tensor3d([...first, ...second], [2, 6, 2]);

/** Loss of given projector outputs [d, n, k] in slices of `sliceSize`, in the given order. */
function lossOf(rows: tf.Tensor, options: WmseOptions = {}, order?: tf.Tensor, channels?: tf.Tensor): tf.Scalar {
  const [d, n] = rows.shape as [number, number];
  const plugin = wmse({ views: d, sliceSize: n, ...options });
  const io = givenRows(rows as tf.Tensor3D, {
    order: order ?? tf.reshape(tf.range(0, n, 1, 'int32'), [1, n]),
    ...(channels === undefined ? {} : { channels }),
  });
  return scoreTerms(plugin.edit!([], { ...io, features: plugin.encode!(io) })).total;
}

const seeds = fc.nat(1e6);

describe('wmse: example B of spec "wmse"', () => {
  it.each([
    [{}, 0.484147],
    [{ eps: 0.1 }, 0.44519],
    [{ eps: 0.01 }, 0.480135],
    [{ eps: 0.001 }, 0.483744],
    [{ whitening: 'zca' }, 0.446848],
    [{ statistics: 'joint' }, 0.389688],
    [{ statistics: 'joint', whitening: 'zca' }, 0.389688],
    [{ statistics: 'joint', whitening: 'pca' }, 0.389688],
    [{ whitening: 'diagonal' }, 0.241961],
    [{ whitening: 'none' }, 0.042997],
    [{ distance: 'euclidean' }, 0.41955],
    [{ distance: 'euclidean', statistics: 'joint' }, 0.514377],
  ] as const)('%j gives %d', (options, expected) => {
    expectClose(lossOf(views, options), expected, { abs: 1e-6 });
  });

  it('gives the gradient of example C', () => {
    const dx = tf.slice(tf.grad((v) => lossOf(v))(views), [0, 0, 0], [1, 6, 2]);
    const expected = [
      -0.005369, 0.046767, 0.017277, -0.02475, -0.000125, -0.02769, -0.209716, 0.106939, 0.377543, -0.265646, -0.179611,
      0.164379,
    ];
    expectClose(dx, expected, { abs: 1e-6 });
    const shrunk = valuesOf(tf.grad((v) => lossOf(v, { eps: 0.1 }))(views));
    expectClose([...shrunk.slice(0, 2), ...shrunk.slice(10, 12)], [-0.027261, 0.063731, -0.161414, 0.152016], {
      abs: 1e-6,
    });
  });
});

describe('the loss of wmse', () => {
  const random = (d: number, n: number, k: number, seed: number) => seededTensor<tf.Rank.R3>([d, n, k], seed);

  it('is 0 for equal views and in [0, 4] otherwise', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const view = random(1, 12, 3, seed);
        expectClose(lossOf(tf.concat([view, view], 0)), 0, { abs: 1e-5 });
        const [loss] = valuesOf(lossOf(random(2, 12, 3, seed)));
        expect(loss).toBeGreaterThanOrEqual(0);
        expect(loss).toBeLessThanOrEqual(4);
      }),
      { numRuns: 15 },
    );
  });

  it.each([
    { whitening: 'cholesky' },
    { whitening: 'zca' },
    { whitening: 'pca', statistics: 'joint' },
    { whitening: 'newton' },
    { whitening: 'diagonal' },
    { whitening: 'none' },
    { distance: 'euclidean' },
  ] as const)('is 0 for equal views with %j', (options) => {
    const view = random(1, 12, 3, 8);
    expectClose(lossOf(tf.concat([view, view], 0), options), 0, { abs: 1e-5 });
  });

  it('is symmetric in the views, and about 2 for unrelated ones', () => {
    const rows = random(2, 256, 8, 1);
    expectClose(lossOf(tf.reverse(rows, 0)), lossOf(rows));
    expect(valuesOf(lossOf(rows))[0]).toBeCloseTo(2, 0);
    expect(valuesOf(lossOf(rows, { distance: 'euclidean' }))[0]).toBeCloseTo(2, 0);
  });

  it('is the mean over all pairs of four views', () => {
    const rows = random(4, 12, 3, 2);
    const all = tf.unstack(rows);
    const pairs = all.flatMap((a, i) => all.slice(i + 1).map((b) => lossOf(tf.stack([a, b]))));
    expect(pairs.length).toBe(6);
    expectClose(lossOf(rows), tf.mean(tf.stack(pairs)));
  });

  it.each(['zca', 'pca'] as const)(
    'is the same by cholesky and %s with joint statistics, and so is its gradient',
    (other) => {
      fc.assert(
        fc.property(seeds, (seed) => {
          const rows = random(2, 10, 3, seed);
          const joint = (whitening: 'cholesky' | 'zca' | 'pca') => (v: tf.Tensor) =>
            lossOf(v, { whitening, statistics: 'joint' });
          expectClose(joint(other)(rows), joint('cholesky')(rows), { abs: 1e-5 });
          expectClose(tf.grad(joint(other))(rows), tf.grad(joint('cholesky'))(rows), { abs: 2e-5 });
        }),
        { numRuns: 8 },
      );
    },
  );

  it('does not depend on permutation and iterations with one slice, but does with two', () => {
    const rows = random(2, 12, 3, 5);
    const order = tf.tensor2d(
      [5, 3, 11, 0, 8, 2, 1, 10, 4, 6, 9, 7, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
      [2, 12],
      'int32',
    );
    expectClose(lossOf(rows, { iterations: 2 }, order), lossOf(rows), { abs: 1e-5 });
    const halves = { iterations: 2, sliceSize: 6 };
    const identity = tf.tile(tf.reshape(tf.range(0, 12, 1, 'int32'), [1, 12]), [2, 1]);
    const gap = tf.abs(tf.sub(lossOf(rows, halves, order), lossOf(rows, halves, identity)));
    expect(valuesOf(gap)[0]).toBeGreaterThan(1e-3);
  });

  it.each([{}, { statistics: 'joint' }, { whitening: 'zca', distance: 'euclidean' }, { sliceSize: 6 }] as const)(
    'has the gradient of its value with %j',
    (options) => {
      expectGradients((v) => lossOf(v, options), [random(2, 12, 2, 7)], { rel: 1e-2, abs: 2e-3 });
    },
  );

  it('has a gradient for the first view only with stopGrad second, and half of the value’s', () => {
    const rows = random(2, 12, 3, 9);
    const stopped = tf.unstack(tf.grad((v) => lossOf(v, { stopGrad: 'second' }))(rows)) as [tf.Tensor, tf.Tensor];
    const full = tf.unstack(tf.grad((v) => lossOf(v))(rows)) as [tf.Tensor, tf.Tensor];
    expectClose(stopped[0], full[0]);
    expectClose(stopped[1], new Array<number>(36).fill(0), { rel: 0, abs: 0 });
    expectClose(lossOf(rows, { stopGrad: 'second' }), lossOf(rows));
  });

  it('whitens images over the channels of random groups with channelGroups', () => {
    const rows = random(2, 4, 24, 3);
    const channels = tf.tensor1d([...Array(24).keys()].reverse(), 'int32');
    const options = { channelGroups: 2, whitening: 'zca', sliceSize: 4 } as const;
    expectClose(lossOf(tf.concat([tf.slice(rows, 0, 1), tf.slice(rows, 0, 1)], 0), options, undefined, channels), 0, {
      abs: 1e-5,
    });
    expectGradients((v) => lossOf(v, options, undefined, channels), [rows], { rel: 2e-2, abs: 2e-3 });
  });
});

describe('wmse’s options', () => {
  it('add views with the recipe of the first', () => {
    const other = { ...recipe, name: 'other' };
    expect(wmse({ views: 4 }).views!({ view1: recipe, view2: other })).toEqual({
      view1: recipe,
      view2: other,
      view3: recipe,
      view4: recipe,
    });
  });

  it.each([
    [{ views: 1 }, 'views'],
    [{ distance: 'cosine' }, 'distance'],
    [{ whitening: 'qr' }, 'whitening'],
    [{ whitening: 'pca' }, 'whitening'],
    [{ sliceSize: 1 }, 'sliceSize'],
    [{ iterations: 0 }, 'iterations'],
    [{ eps: 1 }, 'eps'],
    [{ eps: 'auto', whitening: 'newton' }, 'eps'],
    [{ newtonSteps: 11 }, 'newtonSteps'],
    [{ channelGroups: 2, statistics: 'joint' }, 'channelGroups'],
    [{ runningStats: true, whitening: 'none' }, 'runningStats'],
    [{ epsilon: 0 }, 'epsilon'],
  ])('are refused: %j', (options, name) => {
    expect(() => resolveWmse(options as WmseOptions)).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining(`[wmse] ${name} `) }),
    );
  });
});

const backbone = tinyBackbone();
const small = { backbone, hidden: 8, dim: 2, projector: wmseHead(backbone.channels, { dim: 2, width: 8 }) } as const;
const hosts = {
  moco: () => moco({ ...small, queueSize: 8 }),
  simclr: () => simclr(small),
  simsiam: () => simsiam(small),
  byol: () => byol(small),
} as const;

describe.each(Object.entries(hosts))('wmse over %s', (_, host) => {
  it('trains two and four views, with its own loss alone', async () => {
    for (const views of [2, 4]) {
      const trainer = trainerOf(host(), [wmse({ views, iterations: 2 })]);
      for (const { metrics } of await runSteps(trainer, 3)) {
        expect(metrics.loss).toBe(metrics['loss/wmse']);
        expect(metrics).not.toHaveProperty('loss/global');
        expect(metrics['loss/wmse']).toBeLessThanOrEqual(4);
        expect(metrics['wmse/condition']).toBeGreaterThanOrEqual(1);
      }
      trainer.dispose();
    }
  });

  it('goes on from a checkpoint bit by bit, running statistics included', async () => {
    const make = () => trainerOf(host(), [wmse({ runningStats: true, eps: 'auto' })]);
    const [a, b] = [make(), make()];
    await runSteps(a, 1);
    await b.restore(await a.snapshot());
    const [one, two] = [await runSteps(a, 2), await runSteps(b, 2)];
    expect(two.map((r) => r.metrics)).toEqual(one.map((r) => r.metrics));
    expect(valuesOf(b.variables['plugins/wmse/covariance']!)).toEqual(
      valuesOf(a.variables['plugins/wmse/covariance']!),
    );
    a.dispose();
    b.dispose();
  });
});

describe('wmse in a trainer', () => {
  it('moves running statistics slice by slice: run ← 0.01 · slice + 0.99 · run', async () => {
    const trainer = trainerOf(hosts.simclr(), [wmse({ runningStats: true, slicing: 'contiguous' })]);
    await runSteps(trainer, 1);
    const covariance = valuesOf(trainer.variables['plugins/wmse/covariance']!);
    const untouched = 0.99 ** 2; // one slice a view, from I
    expect(covariance[0]).toBeGreaterThan(untouched);
    expect(covariance[1]).toBeCloseTo(covariance[2]!, 7);
    trainer.dispose();
  });

  it('refuses a batch that slices do not divide, and says while what', () => {
    const wide = simclr({ backbone, dim: 3, projector: wmseHead(backbone.channels, { dim: 3, width: 8 }) });
    expect(() => trainerOf(wide, [wmse()])).toThrow(
      expect.objectContaining({
        code: 'INCOMPATIBLE',
        message: '[wmse] sliceSize is 6, but it must divide the batch of 4 images: slices are cut from the batch.',
        hint: expect.stringContaining('While: wmse.init, host simclr'),
      }),
    );
  });

  it('lets the loss fall on a batch that is shown again and again', async () => {
    const trainer = trainerOf(hosts.simclr(), [wmse()]);
    const same = batchFor(trainer, 3);
    const losses: number[] = [];
    for (let i = 0; i < 25; i++) losses.push((await trainer.step([same])).metrics.loss!);
    expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.9);
    trainer.dispose();
  });
});
