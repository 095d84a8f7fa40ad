import { Rng, SslError } from '@contrastive/core';

/** Which images a process sees, in which order. */
export interface SamplerOptions {
  /** Number of images. */
  readonly count: number;
  /** Images per batch of this process. */
  readonly batch: number;
  /** Seeds the order. */
  readonly seed: number;
  /** Default true; false keeps the images' own order, in every epoch. */
  readonly shuffle?: boolean;
  /** Leaves out the images that do not fill a last batch of all processes. Default true. */
  readonly dropLast?: boolean;
  /** This process among `world` processes; together they see the batches that one process with batch · world would. Default 0 of 1. */
  readonly rank?: number;
  readonly world?: number;
}

/** Ids by (epoch, step), a function of the options only: a run resumes at any place, whatever was drawn before. */
export interface Sampler {
  /** Batches in an epoch. */
  readonly batches: number;
  /** The ids of batch `step` of an epoch; fewer than `batch` only for the last one without `dropLast`. */
  ids(epoch: number, step: number): Int32Array;
}

/**
 * Orders the images of each epoch by a permutation drawn from (seed, epoch) and cuts it into batches.
 *
 * @throws SslError `BAD_OPTION` on bad numbers; `DATA` if there are fewer images than one batch of all processes.
 */
export function createSampler(options: SamplerOptions): Sampler {
  const { count, batch, seed, shuffle = true, dropLast = true, rank = 0, world = 1 } = options;
  if (!(Number.isInteger(batch) && batch >= 1))
    throw new SslError('BAD_OPTION', `batch is ${batch}, but it must be an integer of at least 1.`);
  if (!(Number.isInteger(world) && world >= 1 && Number.isInteger(rank) && rank >= 0 && rank < world))
    throw new SslError('BAD_OPTION', `rank ${rank} of world ${world}: rank must be an integer in [0, world).`);
  const global = batch * world;
  if (dropLast && count < global)
    throw new SslError('DATA', `There are ${count} images, fewer than one batch of ${global}.`, {
      hint: `Use a batch of at most ${Math.floor(count / world)}, or more images.`,
    });
  const orders = Rng.create(seed).fork('order');
  let current: { readonly epoch: number; readonly order: Int32Array } | undefined;
  const orderOf = (epoch: number): Int32Array => {
    if (current?.epoch !== epoch) current = { epoch, order: orders.fork(epoch).permutation(count) };
    return current.order;
  };
  return {
    batches: dropLast ? Math.floor(count / global) : Math.ceil(count / global),
    ids(epoch, step) {
      const start = Math.min(count, step * global + rank * batch);
      const end = Math.min(count, start + batch);
      if (shuffle) return orderOf(epoch).slice(start, end);
      return Int32Array.from({ length: end - start }, (_, i) => start + i);
    },
  };
}
