import { Rng, type SslError } from '@contrastive/core';
import { expectClose, seededTensor, valuesOf } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { resolveWmse, type WmseOptions } from './options.js';
import { checkSlices, cutSlices, drawSlices, joinSlices, sliceSizeOf } from './slices.js';

const check = (options: WmseOptions, batch: number, dim: number) => () =>
  checkSlices(resolveWmse(options), { batch, dim });

describe('sliceSizeOf', () => {
  it('is twice the embedding, as in every official run', () => {
    expect(sliceSizeOf(resolveWmse({}), 64)).toBe(128);
    expect(sliceSizeOf(resolveWmse({}), 128)).toBe(256);
    expect(sliceSizeOf(resolveWmse({ channelGroups: 2 }), 64)).toBe(16);
    expect(sliceSizeOf(resolveWmse({ sliceSize: 96 }), 64)).toBe(96);
  });
});

describe('checkSlices', () => {
  it('accepts the official sizes', () => {
    expect(check({}, 512, 64)).not.toThrow();
    expect(check({ views: 4, iterations: 4 }, 256, 128)).not.toThrow();
  });

  it('refuses a slice below twice the embedding in one line: what, where, how to fix', () => {
    const refused = check({ sliceSize: 96 }, 192, 64);
    expect(refused).toThrow(
      "[wmse] sliceSize is 96, which gives 96 rows to whiten the embedding's 64 features, but there must be at least twice as many (128): set sliceSize to 128 (the batch must be a multiple of it), or use a projector with at most 48 outputs; allowSmallSlice: true accepts it.",
    );
    try {
      refused();
    } catch (error) {
      expect((error as SslError).code).toBe('INCOMPATIBLE');
    }
    expect(check({ sliceSize: 96, allowSmallSlice: true }, 192, 64)).not.toThrow();
  });

  it('refuses a slice of k rows or fewer in any case', () => {
    expect(check({ sliceSize: 64, allowSmallSlice: true }, 128, 64)).toThrow('there must be more than 64');
    expect(check({ sliceSize: 65, allowSmallSlice: true }, 130, 64)).not.toThrow();
  });

  it('counts the rows of all views with joint statistics', () => {
    expect(check({ sliceSize: 64, statistics: 'joint' }, 128, 64)).not.toThrow();
    expect(check({ sliceSize: 32, statistics: 'joint' }, 128, 64)).toThrow('set sliceSize to 64');
  });

  it('asks diagonal whitening for two rows, and none for nothing', () => {
    expect(check({ sliceSize: 2, whitening: 'diagonal' }, 8, 64)).not.toThrow();
    expect(check({ sliceSize: 8, whitening: 'none' }, 8, 64)).not.toThrow();
  });

  it('refuses a batch that is not cut evenly', () => {
    expect(check({}, 200, 64)).toThrow('[wmse] sliceSize is 128, but it must divide the batch of 200 images');
    expect(check({}, 200, 64)).toThrow(expect.objectContaining({ hint: expect.stringContaining('or set sliceSize') }));
    expect(check({}, 64, 64)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('a projector with fewer outputs') }),
    );
  });

  it('asks channel whitening for whole groups with more channels than rows', () => {
    expect(check({ channelGroups: 3 }, 128, 64)).toThrow('channelGroups is 3, but it must divide');
    expect(check({ channelGroups: 2, sliceSize: 32 }, 128, 64)).toThrow('more than 32: set sliceSize to 16 or less');
    expect(check({ channelGroups: 2 }, 128, 64)).not.toThrow();
  });
});

describe('drawSlices', () => {
  const host = { batch: 8, dim: 6 } as Parameters<typeof drawSlices>[2];
  const draw = (options: WmseOptions) => drawSlices(Rng.create(3), resolveWmse(options), host);

  it('permutes the images anew for every iteration', () => {
    const { order } = draw({ iterations: 3 });
    expect(order!.shape).toEqual([3, 8]);
    const rows = [0, 1, 2].map((i) => [...order!.data.slice(8 * i, 8 * i + 8)]);
    for (const row of rows) expect([...row].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(rows.map(String)).size).toBe(3);
  });

  it('keeps the order with contiguous slicing', () => {
    expect([...draw({ slicing: 'contiguous' }).order!.data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('cuts slices from the images of all workers, or for each worker from its own', () => {
    const ofRank = (rank: number, options: WmseOptions) => {
      const workers = { size: 2, rank, batchNorm: 'synchronised' as const };
      return [...drawSlices(Rng.create(3), resolveWmse(options), { ...host, workers }).order!.data];
    };
    expect([...ofRank(0, {})].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i));
    expect(ofRank(0, {})).toEqual(ofRank(1, {}));
    const own = [0, 1].map((rank) => ofRank(rank, { sliceScope: 'worker' }));
    for (const order of own) expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(own[0]).not.toEqual(own[1]);
  });

  it('draws an order of the channels for channel whitening only', () => {
    expect(draw({}).channels).toBeUndefined();
    expect([...draw({ channelGroups: 2 }).channels!.data].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('cutSlices and joinSlices', () => {
  const rows = seededTensor<tf.Rank.R2>([2 * 8, 6], 1);
  const order = tf.tensor2d([3, 1, 0, 2, 7, 6, 5, 4, 0, 1, 2, 3, 4, 5, 6, 7], [2, 8], 'int32');
  const slicing = { views: 2, sliceSize: 4, statistics: 'perView', channelGroups: 0 } as const;
  const inOrder = tf.gather(tf.reshape(rows, [2, 8, 6]), order, 1);

  it('cut blocks of the permuted images, the same in every view', () => {
    const slices = cutSlices(rows, order, slicing);
    expect(slices.shape).toEqual([8, 4, 6]);
    const first = tf.gather(rows, tf.tensor1d([3, 1, 0, 2], 'int32'));
    expectClose(tf.slice(slices, [0, 0, 0], [1, 4, 6]), first, { rel: 0, abs: 0 });
    const secondView = tf.gather(rows, tf.tensor1d([11, 9, 8, 10], 'int32'));
    expectClose(tf.slice(slices, [4, 0, 0], [1, 4, 6]), secondView, { rel: 0, abs: 0 });
  });

  it('put all views of a block together with joint statistics', () => {
    const slices = cutSlices(rows, order, { ...slicing, statistics: 'joint' });
    expect(slices.shape).toEqual([4, 8, 6]);
    const first = tf.gather(rows, tf.tensor1d([3, 1, 0, 2, 11, 9, 8, 10], 'int32'));
    expectClose(tf.slice(slices, [0, 0, 0], [1, 8, 6]), first, { rel: 0, abs: 0 });
  });

  it('turn channels of a group into samples of channel whitening', () => {
    const channels = tf.tensor1d([5, 0, 3, 1, 4, 2], 'int32');
    const slices = cutSlices(rows, order, { ...slicing, channelGroups: 2 }, channels);
    expect(slices.shape).toEqual([16, 3, 4]);
    const [a] = tf.gather(rows, tf.tensor1d([3, 1, 0, 2], 'int32')).arraySync() as number[][];
    const values = valuesOf(slices);
    expect([values[0], values[4], values[8]]).toEqual([a![5], a![0], a![3]]);
  });

  it.each([
    ['perView', 0],
    ['joint', 0],
    ['perView', 3],
  ] as const)('are inverse to each other: %s, %d groups', (statistics, channelGroups) => {
    const channels = tf.range(0, 6, 1, 'int32');
    const all = { ...slicing, statistics, channelGroups };
    expectClose(joinSlices(cutSlices(rows, order, all, channels), 6, all), inOrder, { rel: 0, abs: 0 });
  });
});
