import { setImmediate as nextTurn } from 'node:timers/promises';
import { createRenderer, type RenderSettings, sharedImage } from './renderer.js';
import type { ImageSource, RgbImage } from './source.js';

/** A batch to be made: the views of `ids` in `epoch`, written to slot `slot`. */
export interface RenderJob {
  readonly slot: number;
  readonly epoch: number;
  readonly ids: Int32Array;
}

/** Fills slots, on worker threads or on the caller's. */
export interface Executor {
  /** Resolves when the slot is filled. Several jobs, of different slots, may be under way. */
  render(job: RenderJob): Promise<void>;
  /** Ends everything; jobs under way are rejected. */
  close(): Promise<void>;
}

/** Images decoded at a time, on the decoder's own threads. */
const DECODES_IN_FLIGHT = 4;

/** Reads the job's images, a few at a time, and hands each over as soon as it is decoded. */
export async function readEach(
  source: ImageSource,
  ids: Int32Array,
  take: (image: RgbImage, position: number) => void | Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < ids.length) {
      const position = next++;
      await take(await source.read(ids[position]!), position);
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(DECODES_IN_FLIGHT, ids.length) }, lane));
  for (const result of lanes) if (result.status === 'rejected') throw result.reason;
}

/** Images between two chances for other work on the thread. */
const TURN = 16;

/** Makes the views on the calling thread, in small portions. */
export async function createInlineExecutor(
  settings: RenderSettings,
  source: ImageSource,
  slots: readonly SharedArrayBuffer[],
): Promise<Executor> {
  const renderer = await createRenderer(settings);
  const views = slots.map((slot) => new Float32Array(slot));
  const { pixels } = source;
  const run = async ({ slot, epoch, ids }: RenderJob): Promise<void> => {
    if (pixels === undefined) {
      return readEach(source, ids, (image, i) => renderer.render(image, epoch, ids[i]!, views[slot]!, i));
    }
    for (let i = 0; i < ids.length && !closed; i++) {
      renderer.render(sharedImage(pixels, ids[i]!), epoch, ids[i]!, views[slot]!, i);
      if (i % TURN === TURN - 1) await nextTurn();
    }
  };
  let last: Promise<void> = Promise.resolve();
  let closed = false;
  return {
    render(job) {
      const current = last.then(() => run(job));
      last = current.catch(() => undefined);
      return current;
    },
    close: async () => {
      closed = true;
    },
  };
}
