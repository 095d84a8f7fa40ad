import { type HostTensor, hostInts, hostTensor, SslError, type ViewName, type ViewPlan } from '@contrastive/core';
import type { Rank, ShapeMap } from '@tensorflow/tfjs-core';
import { checkRecipe } from '../draw.js';
import { createSampler, type Sampler, type SamplerOptions } from '../sampler.js';
import { createInlineExecutor, type Executor } from './executor.js';
import { type RenderSettings, slotFloats, slotParts } from './renderer.js';
import type { ImageSource } from './source.js';
import { createWorkerPool } from './worker-pool.js';

/** What a loader reads, and how it makes batches of it. */
export interface LoaderOptions extends Omit<SamplerOptions, 'count'> {
  readonly source: ImageSource;
  /** How each view is made. The draws of a view depend on its name, so adding a view does not change the others. */
  readonly views: ViewPlan;
  /** Side of the views, pixels. */
  readonly side: number;
  /** Worker threads; default 1. With 0 the views are made on the calling thread. The bytes of a batch do not depend on it. */
  readonly workers?: number;
  /** Batches made ahead; default 2. Memory: (prefetch + 1) · views · batch · side² · 12 bytes. */
  readonly prefetch?: number;
  /**
   * Leaves the views to the device (`deviceViews`): a batch holds the images, [n, height, width, 3] byte values under the name `source`,
   * smaller ones in the upper left corner, and under each view's name the numbers that it drew. The choices are those that the view
   * would have been made by here. Default: a batch holds views.
   */
  readonly device?: { readonly width: number; readonly height: number } | undefined;
}

/** One batch. Its arrays lie in shared memory that is used again: do not touch them after `release`. */
export interface Batch {
  readonly epoch: number;
  readonly step: number;
  /** Views [n, side, side, 3], normalised; or, with `device`, what the device makes them of. */
  readonly images: Readonly<Record<ViewName, HostTensor>>;
  /** Ids of the images in the source, [n]. */
  readonly ids: HostTensor<Rank.R1>;
  /** Classes, −1 for none, [n]; missing if the source has none. */
  readonly labels?: HostTensor<Rank.R1>;
  /** Milliseconds that the caller waited for this batch. */
  readonly waitMs: number;
  /** Gives the memory back. Calling it again does nothing. */
  release(): void;
}

/** Batches of augmented views. */
export interface Loader {
  /** Batches in an epoch. */
  readonly batches: number;
  /** The batches of an epoch, from `startAt` on. One epoch at a time. @throws SslError `DATA`, `CANCELLED`, `DISPOSED`. */
  epoch(epoch: number, options?: { readonly startAt?: number }): AsyncGenerator<Batch, void, undefined>;
  /** Since the loader was made: batches given out, and milliseconds that the caller waited for them. */
  stats(): { readonly batches: number; readonly waitMs: number };
  /** Ends the workers. A loop that is under way gets an error. */
  close(): Promise<void>;
}

/**
 * Makes batches of views from a source: ids from the sampler, every random choice from (seed, epoch, id, view), pixels by the
 * SIMD kernel on worker threads into a ring of shared buffers.
 *
 * @throws SslError `BAD_OPTION` for bad options or recipes, `DATA` for too few images.
 */
export async function createLoader(options: LoaderOptions): Promise<Loader> {
  const { source, views, side, batch, seed, workers = 1, prefetch = 2, device } = options;
  checkOptions(options, workers, prefetch);
  for (const recipe of Object.values(views)) checkRecipe(recipe, side);
  const sampler = createSampler({ ...options, count: source.count });
  const settings: RenderSettings = { plan: views, side, batch, seed, device };
  const slots = Array.from({ length: prefetch + 1 }, () => new SharedArrayBuffer(slotFloats(settings) * 4));
  const executor =
    workers === 0
      ? await createInlineExecutor(settings, source, slots)
      : createWorkerPool(workers, settings, source, slots);
  return new RingLoader(settings, source, sampler, executor, slots);
}

function checkOptions({ views, side }: LoaderOptions, workers: number, prefetch: number): void {
  const problems: string[] = [];
  if (!(Number.isInteger(side) && side >= 1 && side <= 4096))
    problems.push(`side is ${side}, not an integer from 1 to 4096`);
  if (!(Number.isInteger(workers) && workers >= 0 && workers <= 256))
    problems.push(`workers is ${workers}, not an integer from 0 to 256`);
  if (!(Number.isInteger(prefetch) && prefetch >= 1))
    problems.push(`prefetch is ${prefetch}, not an integer of at least 1`);
  if (Object.keys(views).length === 0) problems.push('views is empty');
  if (problems.length > 0) throw new SslError('BAD_OPTION', `createLoader: ${problems.join('; ')}.`);
}

/** A batch under way. */
interface Started {
  readonly slot: number;
  readonly step: number;
  readonly ids: Int32Array;
  readonly done: Promise<void>;
}

class RingLoader implements Loader {
  readonly #settings: RenderSettings;
  readonly #source: ImageSource;
  readonly #sampler: Sampler;
  readonly #executor: Executor;
  readonly #views: readonly Float32Array[];
  readonly #free: number[];
  /** Starts further batches of the epoch that is being read. */
  #fill: (() => void) | undefined;
  #closed = false;
  /** Rejects what the epoch under way waits for. */
  #cancel: ((reason: SslError) => void) | undefined;
  #batches = 0;
  #waitMs = 0;

  constructor(
    settings: RenderSettings,
    source: ImageSource,
    sampler: Sampler,
    executor: Executor,
    slots: readonly SharedArrayBuffer[],
  ) {
    this.#settings = settings;
    this.#source = source;
    this.#sampler = sampler;
    this.#executor = executor;
    this.#views = slots.map((slot) => new Float32Array(slot));
    this.#free = slots.map((_, i) => i);
  }

  get batches(): number {
    return this.#sampler.batches;
  }

  async *epoch(
    epoch: number,
    { startAt = 0 }: { readonly startAt?: number } = {},
  ): AsyncGenerator<Batch, void, undefined> {
    if (this.#closed) throw new SslError('DISPOSED', 'The loader was closed.');
    if (this.#fill !== undefined)
      throw new SslError('DATA', 'An epoch of this loader is being read already.', {
        hint: 'Finish or leave that loop first.',
      });
    const started: Started[] = [];
    let next = startAt;
    this.#fill = () => {
      while (next < this.batches && this.#free.length > 0) started.push(this.#start(epoch, next++));
    };
    try {
      for (let step = startAt; step < this.batches; step++) {
        const asked = performance.now();
        this.#fill();
        const current = started.shift();
        if (current === undefined) throw everySlotHeld(this.#views.length);
        try {
          await this.#orClosed(current.done);
        } catch (error) {
          this.#free.push(current.slot);
          throw error;
        }
        yield this.#batch(epoch, current, performance.now() - asked);
      }
    } finally {
      this.#fill = undefined;
      await this.#orClosed(Promise.allSettled(started.map((s) => s.done))).catch(() => undefined);
      this.#free.push(...started.map((s) => s.slot));
    }
  }

  /**
   * What `work` gives, or an error as soon as the loader is closed. No `Promise.race` with a promise of closing: that one would keep
   * something of every batch of the run.
   */
  #orClosed<T>(work: Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#cancel = reject;
      work.then(resolve, reject);
    });
  }

  #start(epoch: number, step: number): Started {
    const slot = this.#free.shift()!;
    const ids = this.#sampler.ids(epoch, step);
    const done = this.#executor.render({ slot, epoch, ids });
    done.catch(() => undefined); // reported when the batch is asked for
    return { slot, step, ids, done };
  }

  #batch(epoch: number, { slot, step, ids }: Started, waitMs: number): Batch {
    const n = ids.length;
    const floats = this.#views[slot]!;
    const images = slotParts(this.#settings).map(({ name, shape, size, start }): [string, HostTensor] => [
      name,
      hostTensor([n, ...shape] as unknown as ShapeMap[Rank], floats.subarray(start, start + n * size)),
    ]);
    const { labels } = this.#source;
    this.#batches++;
    this.#waitMs += waitMs;
    let held = true;
    return {
      epoch,
      step,
      images: Object.fromEntries(images),
      ids: hostInts(ids),
      ...(labels === undefined ? {} : { labels: hostInts(ids.map((id) => labels[id]!)) }),
      waitMs,
      release: () => {
        if (!held) return;
        held = false;
        this.#free.push(slot);
        this.#fill?.();
      },
    };
  }

  stats() {
    return { batches: this.#batches, waitMs: this.#waitMs };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel?.(closedError());
    await this.#executor.close();
  }
}

const closedError = (): SslError => new SslError('CANCELLED', 'The loader was closed.');

function everySlotHeld(slots: number): SslError {
  return new SslError('DATA', `All ${slots} batches of the loader are held, so no further one can be made.`, {
    hint: 'Call release() on a batch when it has been used.',
  });
}
