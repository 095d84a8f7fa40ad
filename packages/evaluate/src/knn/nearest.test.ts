import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atAngles, matrix, normals } from '../../test/data.js';
import { unitRows } from '../features.js';
import { nearest } from './nearest.js';

describe('nearest', () => {
  it('finds what a plain sort finds, for every metric', async () => {
    const bank = normals(90, 4, 1);
    const query = normals(11, 4, 2);
    const row = (m: typeof bank, i: number) => m.data.subarray(i * 4, (i + 1) * 4);
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, j) => sum + x * b[j]!, 0);
    const [unitBank, unitQuery] = [unitRows(bank), unitRows(query)];
    const near = {
      cosine: (q: number, b: number) => dot(row(unitQuery, q), row(unitBank, b)),
      dot: (q: number, b: number) => dot(row(query, q), row(bank, b)),
      euclidean: (q: number, b: number) => -Math.hypot(...row(query, q).map((x, j) => x - row(bank, b)[j]!)),
    };
    for (const metric of ['cosine', 'dot', 'euclidean'] as const) {
      const found = await nearest(bank, query, { k: 7, metric });
      for (let q = 0; q < 11; q++) {
        const sorted = Array.from({ length: 90 }, (_, b) => b).sort((a, b) => near[metric](q, b) - near[metric](q, a));
        expect([...found.indices.subarray(q * 7, (q + 1) * 7)]).toEqual(sorted.slice(0, 7));
        const sign = metric === 'euclidean' ? -1 : 1;
        expect(found.values[q * 7]).toBeCloseTo(sign * near[metric](q, sorted[0]!), 5);
      }
    }
  });

  it('keeps distances exact far from the origin', async () => {
    const offset = 1000;
    const bank = matrix([
      [offset, offset],
      [offset + 0.25, offset],
      [offset, offset + 0.5],
    ]);
    const found = await nearest(bank, matrix([[offset + 0.125, offset]]), { k: 3, metric: 'euclidean' });
    expect([...found.indices]).toEqual([0, 1, 2]);
    expect([...found.values]).toEqual([0.125, 0.125, Math.hypot(0.125, 0.5)]);
  });

  it('breaks ties by the smaller index', async () => {
    const bank = matrix([
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    for (const metric of ['cosine', 'dot', 'euclidean'] as const) {
      expect([...(await nearest(bank, matrix([[1, 0]]), { k: 3, metric })).indices]).toEqual([0, 1, 2]);
    }
  });

  it('uses the whole bank if k is larger, and leaves a row out of its own list', async () => {
    const bank = matrix(atAngles(0, 10, 30));
    expect((await nearest(bank, bank, { k: 50 })).k).toBe(3);
    const others = await nearest(bank, bank, { k: 50, excludeSelf: true });
    expect([...others.indices]).toEqual([1, 2, 0, 2, 1, 0]);
  });

  it('does not depend on how queries are cut into chunks, and frees its tensors', async () => {
    // 2000 × 2600 scores are more than one chunk holds.
    const bank = normals(2000, 2, 3);
    const query = normals(2600, 2, 4);
    const before = tf.memory().numTensors;
    const all = await nearest(bank, query, { k: 5, metric: 'euclidean' });
    expect(tf.memory().numTensors).toBe(before);
    for (const row of [0, 2499, 2500, 2599]) {
      const one = { data: query.data.subarray(2 * row, 2 * row + 2), rows: 1, dim: 2 };
      const alone = await nearest(bank, one, { k: 5, metric: 'euclidean' });
      expect([...all.indices.subarray(5 * row, 5 * row + 5)]).toEqual([...alone.indices]);
    }
  });

  it('does not depend on the scale of features under cosine', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1000 }),
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        async (seed, scale) => {
          const [bank, query] = [normals(30, 3, seed), normals(4, 3, seed + 1)];
          const scaled = { ...bank, data: bank.data.map((x) => x * scale) };
          const [a, b] = [await nearest(bank, query, { k: 4 }), await nearest(scaled, query, { k: 4 })];
          a.values.forEach((value, i) => {
            expect(b.values[i]).toBeCloseTo(value, 5);
          });
        },
      ),
      { numRuns: 20 },
    );
  });

  it('refuses widths that differ, NaN, a bank of one without itself and bad options', async () => {
    const bank = matrix([[1, 2]]);
    await expect(nearest(bank, matrix([[1]]))).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
    await expect(nearest(bank, matrix([[1, Number.NaN]]))).rejects.toMatchObject({ code: 'NOT_FINITE' });
    await expect(nearest(bank, bank, { excludeSelf: true })).rejects.toMatchObject({ code: 'DATA' });
    await expect(nearest(bank, bank, { k: 0 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
    await expect(nearest(bank, bank, { metric: 'manhattan' as never })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});
