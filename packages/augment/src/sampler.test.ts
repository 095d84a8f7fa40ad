import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSampler } from './sampler.js';

const epochOf = (options: Parameters<typeof createSampler>[0], epoch: number): number[] => {
  const sampler = createSampler(options);
  return Array.from({ length: sampler.batches }, (_, step) => [...sampler.ids(epoch, step)]).flat();
};

describe('createSampler', () => {
  it('gives a permutation that depends on the seed and the epoch only', () => {
    const options = { count: 100, batch: 10, seed: 5 };
    const order = epochOf(options, 3);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(epochOf(options, 3)).toEqual(order);
    expect(epochOf(options, 4)).not.toEqual(order);
    expect(epochOf({ ...options, seed: 6 }, 3)).not.toEqual(order);
    const sampler = createSampler(options);
    sampler.ids(9, 0);
    expect([...sampler.ids(3, 2)]).toEqual(order.slice(20, 30));
  });

  it('keeps the order without shuffling, and the incomplete batch without dropLast', () => {
    const options = { count: 7, batch: 3, seed: 0, shuffle: false };
    expect(epochOf(options, 0)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(epochOf({ ...options, dropLast: false }, 0)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(createSampler({ ...options, dropLast: false }).batches).toBe(3);
  });

  it('shares each batch among the processes without overlap, as one process would see it', () => {
    const world = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 9 }),
        world,
        fc.boolean(),
        (n, batch, w, dropLast) => {
          const count = Math.max(n, batch * w);
          const whole = createSampler({ count, batch: batch * w, seed: 1, dropLast });
          const ranks = Array.from({ length: w }, (_, rank) =>
            createSampler({ count, batch, seed: 1, dropLast, rank, world: w }),
          );
          for (let step = 0; step < whole.batches; step++) {
            expect(ranks.flatMap((r) => [...r.ids(2, step)])).toEqual([...whole.ids(2, step)]);
          }
          for (const r of ranks) expect(r.batches).toBe(whole.batches);
        },
      ),
    );
  });

  it('says how large a batch can be when there are too few images', () => {
    expect(() => createSampler({ count: 1, batch: 2, seed: 0 })).toThrow(
      expect.objectContaining({ code: 'DATA', message: 'There are 1 images, fewer than one batch of 2.' }),
    );
    expect(createSampler({ count: 1, batch: 2, seed: 0, dropLast: false }).batches).toBe(1);
  });

  it('refuses bad numbers', () => {
    for (const bad of [{ batch: 0 }, { batch: 1.5 }, { rank: 2, world: 2 }, { rank: -1 }, { world: 0 }]) {
      expect(() => createSampler({ count: 10, batch: 2, seed: 0, ...bad })).toThrow(
        expect.objectContaining({ code: 'BAD_OPTION' }),
      );
    }
  });
});
