import { readFileSync } from 'node:fs';
import { Rng, type ViewPlan } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { deviceViews } from './device.js';
import { createJsKernel } from './kernel/js-kernel.js';
import { createWorkerPool } from './loader/worker-pool.js';
import { arraySource, createEvaluationLoader, createLoader, type ImageSource, type Loader } from './loader.js';
import { NORMALIZATIONS } from './normalizations.js';
import * as recipes from './recipes.js';

const COUNT = 50;
const plan: ViewPlan = { ...recipes.byol(), weak: recipes.recoWeak() };

function bytes(n: number, seed = 1): Uint8Array {
  const rng = Rng.create(seed);
  return Uint8Array.from({ length: n }, () => rng.integer(256));
}

const held: ImageSource = arraySource({
  data: bytes(COUNT * 20 * 24 * 3),
  width: 24,
  height: 20,
  labels: Array.from({ length: COUNT }, (_, i) => i % 5),
});

/** The same images, read one by one. */
const decoded: ImageSource = { count: held.count, labels: held.labels, read: held.read };

const options = { source: held, views: plan, side: 16, batch: 12, seed: 7 };

/** Everything that an epoch gives, copied. */
async function collect(loader: Loader, epoch: number, startAt = 0) {
  const out: { ids: number[]; labels: number[]; views: Record<string, Float32Array> }[] = [];
  for await (const batch of loader.epoch(epoch, { startAt })) {
    const views = Object.entries(batch.images).map(([name, t]) => [name, Float32Array.from(t.data)] as const);
    out.push({ ids: [...batch.ids.data], labels: [...(batch.labels?.data ?? [])], views: Object.fromEntries(views) });
    batch.release();
  }
  return out;
}

async function withLoader<T>(overrides: Partial<Parameters<typeof createLoader>[0]>, use: (l: Loader) => Promise<T>) {
  const loader = await createLoader({ ...options, ...overrides });
  try {
    return await use(loader);
  } finally {
    await loader.close();
  }
}

describe('createLoader', () => {
  it('gives the same bytes with 0, 1 and 2 workers', async () => {
    const all = await Promise.all([0, 1, 2].map((workers) => withLoader({ workers }, (l) => collect(l, 3))));
    expect(all[0]).toHaveLength(4);
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
  });

  it('gives the same bytes when images are decoded on the fly', async () => {
    const expected = await withLoader({ workers: 0 }, (l) => collect(l, 1));
    for (const workers of [0, 2]) {
      expect(await withLoader({ workers, source: decoded }, (l) => collect(l, 1))).toEqual(expected);
    }
  });

  it('gives what the device makes the same views of, with any number of workers, decoded before or on the fly', async () => {
    const views = { ...recipes.byol(), weak: recipes.recoWeak() };
    const device = { width: 25, height: 20 }; // a column more than the images have
    const expected = await withLoader({ views }, (l) => collect(l, 3));
    const given = await withLoader({ views, device, workers: 0 }, (l) => collect(l, 3));
    expect(await withLoader({ views, device, workers: 2 }, (l) => collect(l, 3))).toEqual(given);
    expect(await withLoader({ views, device, workers: 1, source: decoded }, (l) => collect(l, 3))).toEqual(given);
    const maker = deviceViews(views, { ...device, batch: 12, side: 16 });
    const tensors = Object.entries(maker.shapes).map(
      ([name, shape]) => [name, tf.tensor(given[1]!.views[name]!, [...shape])] as const,
    );
    for (const [view, images] of Object.entries(maker.render(Object.fromEntries(tensors)))) {
      const difference = tf.abs(tf.sub(images, tf.tensor(expected[1]!.views[view]!, images.shape)));
      // The second BYOL view is solarized at times: a value within rounding of the threshold may fall on either side.
      const far = tf.mean(tf.cast(tf.greater(difference, 1e-4), 'float32')).dataSync()[0]!;
      expect(far).toBeLessThan(view === 'view2' ? 1e-3 : 1e-9);
    }
    expect(given.map((batch) => batch.ids)).toEqual(expected.map((batch) => batch.ids));
  });

  it('refuses an image that does not fit into the device tensor', async () => {
    const device = { width: 24, height: 19 };
    await expect(withLoader({ device, workers: 0 }, (l) => collect(l, 0))).rejects.toThrow(/24×20 pixels does not fit/);
  });

  it('decodes each image once for all of its views', async () => {
    let reads = 0;
    const read = (id: number) => {
      reads++;
      return held.read(id);
    };
    await withLoader({ source: { ...decoded, read } }, (l) => collect(l, 0));
    expect(reads).toBe(48);
  });

  it('resumes at a step with the batches that it would have given', async () => {
    const whole = await withLoader({}, (l) => collect(l, 2));
    expect(await withLoader({}, (l) => collect(l, 2, 3))).toEqual(whole.slice(3));
  });

  it('does not move the other views when a view is added', async () => {
    const { weak: _, ...two } = plan;
    const [few, more] = await Promise.all([two, plan].map((views) => withLoader({ views }, (l) => collect(l, 0))));
    expect(few!.map((b) => b.views.view2)).toEqual(more!.map((b) => b.views.view2));
  });

  it('gives other views in another epoch and with another seed', async () => {
    const [a, b, c] = await Promise.all([
      withLoader({ shuffle: false }, (l) => collect(l, 0)),
      withLoader({ shuffle: false }, (l) => collect(l, 1)),
      withLoader({ shuffle: false, seed: 8 }, (l) => collect(l, 0)),
    ]);
    expect(a![0]!.ids).toEqual(b![0]!.ids);
    expect(a![0]!.views.view1).not.toEqual(b![0]!.views.view1);
    expect(a![0]!.views.view1).not.toEqual(c![0]!.views.view1);
  });

  it('gives each image its label', async () => {
    const batches = await withLoader({}, (l) => collect(l, 0));
    for (const { ids, labels } of batches) expect(labels).toEqual(ids.map((id) => id % 5));
  });

  it('counts the batches and the time waited for them', async () => {
    const stats = await withLoader({}, async (l) => {
      await collect(l, 0);
      return l.stats();
    });
    expect(stats.batches).toBe(4);
    expect(stats.waitMs).toBeGreaterThan(0);
  });

  it('makes batches ahead while the caller works', async () => {
    await withLoader({ prefetch: 3 }, async (l) => {
      const iterator = l.epoch(0);
      const first = (await iterator.next()).value!;
      await new Promise((resolve) => setTimeout(resolve, 200));
      const second = (await iterator.next()).value!;
      expect(second.waitMs).toBeLessThan(50);
      first.release();
      second.release();
      await iterator.return();
    });
  });

  it('says so when no batch is released, instead of waiting for ever', async () => {
    await withLoader({ prefetch: 1 }, async (l) => {
      const run = async () => {
        for await (const _ of l.epoch(0));
      };
      await expect(run()).rejects.toMatchObject({ code: 'DATA', hint: expect.stringContaining('release') });
    });
  });

  it('can be left in the middle of an epoch and used again', async () => {
    await withLoader({}, async (l) => {
      for await (const batch of l.epoch(0)) {
        batch.release();
        break;
      }
      expect(await collect(l, 0)).toHaveLength(4);
    });
  });

  it('refuses a second epoch while one is being read', async () => {
    await withLoader({}, async (l) => {
      const first = l.epoch(0);
      await first.next();
      await expect(l.epoch(1).next()).rejects.toMatchObject({ code: 'DATA' });
      await first.return();
    });
  });

  it('names a worker that died', async () => {
    const slots = [new SharedArrayBuffer(3)]; // not a number of floats: the worker fails as it starts
    const pool = createWorkerPool(2, { plan, side: 16, batch: 12, seed: 7 }, held, slots);
    const job = { slot: 0, epoch: 0, ids: Int32Array.of(0, 1) };
    await expect(pool.render(job)).rejects.toMatchObject({
      code: 'DATA',
      message: expect.stringMatching(/^loader worker [12] of 2 died \(RangeError/),
    });
    await expect(pool.render(job)).rejects.toThrow('died');
    await pool.close();
  });

  it('passes on an error of the kernel', async () => {
    const pixels = { ...held.pixels!, widths: new Uint16Array(COUNT).fill(0) };
    for (const workers of [0, 2]) {
      await expect(withLoader({ workers, source: { ...held, pixels } }, (l) => collect(l, 0))).rejects.toMatchObject({
        code: 'DATA',
        message: expect.stringContaining('0×20'),
      });
    }
  });

  it('passes on an error of the decoder', async () => {
    const read = async (): Promise<never> => {
      throw new Error('image 3 is unreadable');
    };
    for (const workers of [0, 1]) {
      await expect(withLoader({ workers, source: { count: COUNT, read } }, (l) => collect(l, 0))).rejects.toThrow(
        'image 3 is unreadable',
      );
    }
  });

  it('ends a loop that is under way when it is closed', async () => {
    const read = (id: number) => (reads++ < 12 ? held.read(id) : new Promise<never>(() => undefined));
    let reads = 0;
    for (const workers of [0, 1]) {
      reads = 0;
      const loader = await createLoader({ ...options, workers, source: { count: COUNT, read } });
      const loop = collect(loader, 0);
      setTimeout(() => void loader.close(), 100);
      await expect(loop).rejects.toMatchObject({ code: 'CANCELLED' });
      await expect(collect(loader, 0)).rejects.toMatchObject({ code: 'DISPOSED' });
    }
  });

  it('checks its options together', async () => {
    await expect(createLoader({ ...options, side: 0, workers: -1, prefetch: 0, views: {} })).rejects.toThrow(
      /side is 0.*workers is -1.*prefetch is 0.*views is empty/,
    );
    await expect(createLoader({ ...options, batch: 51 })).rejects.toMatchObject({ code: 'DATA' });
  });
});

describe('createEvaluationLoader', () => {
  it('gives every image once, in order, resized and normalised only', async () => {
    const loader = await createEvaluationLoader({
      source: held,
      side: 16,
      batch: 16,
      normalization: NORMALIZATIONS.cifar10,
    });
    const batches = await collect(loader, 0);
    await loader.close();
    expect(batches.flatMap((b) => b.ids)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
    expect(batches.at(-1)!.ids).toHaveLength(2);

    const kernel = createJsKernel();
    const { data } = await held.read(49);
    kernel.setSource(data, 24, 20);
    const expected = new Float32Array(16 * 16 * 3);
    const all = { left: 0, top: 0, width: 24, height: 20 };
    const window = { left: 2, top: 0, width: 16, height: 16 };
    const to = { width: 19, height: 16 };
    kernel.render(
      [{ op: 'resize', box: all, to, window, filter: 'bilinear', flip: false }],
      NORMALIZATIONS.cifar10,
      expected,
    );
    const got = batches.at(-1)!.views.view1!.subarray(16 * 16 * 3);
    for (let i = 0; i < expected.length; i++) expect(got[i]).toBeCloseTo(expected[i]!, 4);
  });
});

describe('the built worker', () => {
  it('does not load the tensor library', () => {
    const text = readFileSync(new URL('../dist/worker.js', import.meta.url), 'utf8');
    expect(text).not.toContain('tfjs-core"');
  });
});
