import {
  globalBatch,
  type HostInfo,
  type HostTensor,
  hostInts,
  hostTensor,
  type Rng,
  SslError,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import type { ResolvedWmseOptions } from './options.js';

/** w of a run. @param dim k. */
export function sliceSizeOf({ sliceSize, channelGroups }: ResolvedWmseOptions, dim: number): number {
  if (sliceSize !== 'auto') return sliceSize;
  return channelGroups === 0 ? 2 * dim : Math.max(2, Math.floor(dim / (2 * channelGroups)));
}

/** Images that slices are cut from. */
const imagesOf = ({ sliceScope }: ResolvedWmseOptions, host: Pick<HostInfo, 'batch' | 'workers'>): number =>
  sliceScope === 'global' ? globalBatch(host) : host.batch;

/**
 * Checks that a run's batch and embedding can be whitened: the batch is cut into whole slices, and each covariance has more samples
 * than features, and twice as many unless `allowSmallSlice`.
 *
 * @throws SslError `INCOMPATIBLE`.
 */
export function checkSlices(o: ResolvedWmseOptions, host: Pick<HostInfo, 'batch' | 'dim' | 'workers'>): void {
  const { dim } = host;
  const batch = imagesOf(o, host);
  const size = sliceSizeOf(o, dim);
  if (o.channelGroups > 0 && dim % o.channelGroups !== 0) {
    throw new SslError(
      'INCOMPATIBLE',
      `[wmse] channelGroups is ${o.channelGroups}, but it must divide the embedding's ${dim} channels.`,
    );
  }
  if (o.whitening !== 'none') checkSamples(o, size, dim);
  if (batch % size !== 0) {
    throw new SslError(
      'INCOMPATIBLE',
      `[wmse] sliceSize is ${size}, but it must divide the batch of ${batch} images: slices are cut from the batch.`,
      {
        hint:
          batch < size
            ? `Use a batch of ${size} or a multiple, or a projector with fewer outputs.`
            : `Use a batch that is a multiple of ${size}, or set sliceSize.`,
      },
    );
  }
}

function checkSamples(o: ResolvedWmseOptions, size: number, dim: number): void {
  const byChannel = o.channelGroups > 0;
  const views = o.statistics === 'joint' ? o.views : 1;
  const samples = byChannel ? dim / o.channelGroups : size * views;
  const features = byChannel ? size : dim;
  const least = o.whitening === 'diagonal' ? 2 : features + 1;
  const advised = o.whitening === 'diagonal' || o.allowSmallSlice ? least : 2 * features;
  if (samples >= advised) return;
  const what = byChannel ? `a group has ${samples} channels for slices of` : `sliceSize is ${size}, which gives`;
  const given = byChannel ? `${features} images` : `${samples} rows to whiten the embedding's ${features} features`;
  const rule = samples < least ? `more than ${least - 1}` : `at least twice as many (${advised})`;
  const fix = byChannel
    ? `set sliceSize to ${Math.floor(samples / 2)} or less`
    : `set sliceSize to ${Math.ceil((2 * features) / views)} (the batch must be a multiple of it), or use a projector with at most ${Math.floor(samples / 2)} outputs`;
  const allow = samples < least ? '' : '; allowSmallSlice: true accepts it';
  throw new SslError('INCOMPATIBLE', `[wmse] ${what} ${given}, but there must be ${rule}: ${fix}${allow}.`, {
    hint: 'A covariance of m rows has rank m − 1 at most; up to twice as many rows as features, whitening mostly fits noise.',
  });
}

/**
 * Draws of a step: `order` [iterations, n], images of each slicing; with channel groups `channels` [k], cut into the groups. n are the
 * images that slices are cut from; of workers that slice their own, all draw the same and take theirs.
 */
export function drawSlices(rng: Rng, o: ResolvedWmseOptions, host: HostInfo): Record<string, HostTensor> {
  const n = imagesOf(o, host);
  const draws = globalBatch(host) / n;
  const rank = draws === 1 ? 0 : host.workers!.rank;
  const orders = Array.from({ length: o.iterations }, () => {
    const ofEach = Array.from({ length: draws }, () =>
      o.slicing === 'permuted' ? rng.permutation(n) : Int32Array.from({ length: n }, (_, i) => i),
    );
    return ofEach[rank]!;
  });
  const order = hostTensor<tf.Rank.R2>([o.iterations, n], Int32Array.from(orders.flatMap((row) => [...row])));
  return o.channelGroups === 0 ? { order } : { order, channels: hostInts(rng.permutation(host.dim)) };
}

/** How rows are cut into slices. */
export interface Slicing {
  readonly views: number;
  readonly sliceSize: number;
  readonly statistics: 'perView' | 'joint';
  readonly channelGroups: number;
}

/**
 * Cuts rows of all views into what is whitened together.
 *
 * @param rows [d · n, k], view after view. @param order int32 [t, n]: permutations of the images. @param channels int32 [k].
 * @returns [b, samples, features]: b = d · t · slices (view after view), or t · slices with joint statistics, whose samples are the
 *   slice's rows view after view; with channel groups, samples are channels and features are images.
 */
export function cutSlices(
  rows: tf.Tensor2D,
  order: tf.Tensor2D,
  slicing: Slicing,
  channels?: tf.Tensor1D,
): tf.Tensor3D {
  const { views, sliceSize, statistics, channelGroups } = slicing;
  const [iterations, n] = order.shape;
  const k = rows.shape[1];
  const blocks = (iterations * n) / sliceSize;
  const picked = tf.gather(tf.reshape(rows, [views, n, k]), order, 1);
  if (statistics === 'joint') {
    const parts = tf.transpose(tf.reshape(picked, [views, blocks, sliceSize, k]), [1, 0, 2, 3]);
    return tf.reshape(parts, [blocks, views * sliceSize, k]);
  }
  if (channelGroups === 0) return tf.reshape(picked, [views * blocks, sliceSize, k]);
  const group = k / channelGroups;
  const shuffled = tf.gather(tf.reshape(picked, [views * blocks, sliceSize, k]), channels!, 2);
  const parts = tf.transpose(tf.reshape(shuffled, [views * blocks, sliceSize, channelGroups, group]), [0, 2, 3, 1]);
  return tf.reshape(parts, [views * blocks * channelGroups, group, sliceSize]);
}

/** Puts whitened slices back together: [d, t · n, k], images in the order of `order` (the same in every view). */
export function joinSlices(slices: tf.Tensor3D, k: number, slicing: Slicing): tf.Tensor3D {
  const { views, sliceSize, statistics, channelGroups } = slicing;
  if (statistics === 'joint') {
    const parts = tf.reshape(slices, [-1, views, sliceSize, k]);
    return tf.reshape(tf.transpose(parts, [1, 0, 2, 3]), [views, -1, k]);
  }
  if (channelGroups === 0) return tf.reshape(slices, [views, -1, k]);
  const parts = tf.reshape(slices, [-1, channelGroups, k / channelGroups, sliceSize]);
  return tf.reshape(tf.transpose(parts, [0, 3, 1, 2]), [views, -1, k]);
}
