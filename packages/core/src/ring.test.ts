import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIntRing, createRing, enqueue, overlayRows, type Ring, requireMultiple } from './ring.js';
import { Rng } from './rng.js';

const column = (values: readonly number[]) => tf.tensor2d([...values], [values.length, 1]);
const contents = (ring: Ring<tf.Rank>) => ({
  rows: Array.from(ring.rows.dataSync()),
  pointer: ring.pointer.dataSync()[0],
});

/** A ring of one column and zeros, with the pointer at `pointer`. */
function zeroRing(rows: number, pointer = 0): Ring {
  const ring = createRing({ rows, dim: 1, rng: Rng.create(0) });
  ring.rows.assign(tf.zeros([rows, 1]));
  ring.pointer.assign(tf.scalar(pointer, 'int32'));
  return ring;
}

describe('createRing', () => {
  it('starts with random unit rows and pointer 0', () => {
    const ring = createRing({ rows: 50, dim: 8, rng: Rng.create(3) });
    for (const norm of tf.norm(ring.rows, 2, 1).dataSync()) expect(norm).toBeCloseTo(1, 6);
    expect(Math.abs(tf.mean(ring.rows).dataSync()[0]!)).toBeLessThan(0.05);
    expect(contents(ring).pointer).toBe(0);
    expect(ring.rows.trainable).toBe(false);
  });

  it('depends on the seed only', () => {
    const values = (seed: number) => contents(createRing({ rows: 4, dim: 3, rng: Rng.create(seed) })).rows;
    expect(values(1)).toEqual(values(1));
    expect(values(1)).not.toEqual(values(2));
  });
});

describe('enqueue', () => {
  it('overwrites the oldest rows in batch order', () => {
    const ring = zeroRing(4);
    enqueue(ring, column([1, 2]));
    expect(contents(ring)).toEqual({ rows: [1, 2, 0, 0], pointer: 2 });
    enqueue(ring, column([3, 4]));
    expect(contents(ring)).toEqual({ rows: [1, 2, 3, 4], pointer: 0 });
    enqueue(ring, column([5, 6]));
    expect(contents(ring)).toEqual({ rows: [5, 6, 3, 4], pointer: 2 });
  });

  it('goes on at the start with what does not fit, if asked: spec "ft" 2.1', () => {
    const ring = zeroRing(5, 3);
    enqueue(ring, column([1, 2, 3]), { overflow: 'wrap' });
    expect(contents(ring)).toEqual({ rows: [3, 0, 0, 1, 2], pointer: 1 });
    enqueue(ring, column([4, 5, 6]), { overflow: 'wrap' });
    expect(contents(ring)).toEqual({ rows: [3, 4, 5, 6, 2], pointer: 4 });
    const overlaid = overlayRows(ring.rows, column([7, 8, 9]), ring.pointer, true);
    expect(Array.from(overlaid.dataSync())).toEqual([8, 9, 5, 6, 7]);
    expect(() => enqueue(zeroRing(2), column([1, 2, 3]), { overflow: 'wrap' })).toThrow('must be a multiple');
  });

  it('drops what does not fit, if asked: spec "snclr", example C', () => {
    const drop = { overflow: 'drop' } as const;
    for (const [size, rows, pointer] of [
      [5, [0, 0, 0, 1, 2], 0],
      [6, [0, 0, 0, 1, 2, 3], 0],
      [7, [0, 0, 0, 1, 2, 3, 0], 6],
    ] as const) {
      const ring = zeroRing(size, 3);
      enqueue(ring, column([1, 2, 3]), drop);
      expect(contents(ring)).toEqual({ rows: [...rows], pointer });
    }
  });

  it('agrees with a loop over plain arrays for every size and number of writes', () => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 6 }),
    );
    fc.assert(
      fc.property(sizes, ([size, n, writes]) => {
        const ring = createIntRing({ rows: size });
        const rows = new Array<number>(size).fill(-1);
        let pointer = 0;
        for (let write = 0; write < writes; write++) {
          const batch = Array.from({ length: n }, (_, i) => 100 * write + i);
          enqueue(ring, tf.tensor1d(batch, 'int32'), { overflow: 'drop' });
          for (let i = 0; i < n && pointer + i < size; i++) rows[pointer + i] = batch[i]!;
          pointer = pointer + n < size ? pointer + n : 0;
        }
        expect(contents(ring)).toEqual({ rows, pointer });
        tf.dispose([ring.rows, ring.pointer]);
      }),
    );
  });

  it('has an equal form for backends without scatter', () => {
    const rows = tf.tensor2d([
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
    const batch = tf.tensor2d([
      [8, 9],
      [6, 7],
    ]);
    const overlaid = (pointer: number) => overlayRows(rows, batch, tf.scalar(pointer, 'int32')).arraySync();
    expect(overlaid(1)).toEqual([
      [1, 1],
      [8, 9],
      [6, 7],
      [4, 4],
    ]);
    expect(overlaid(3)).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      [8, 9],
    ]);
    const ids = overlayRows(tf.tensor1d([1, 2, 3], 'int32'), tf.tensor1d([7], 'int32'), tf.scalar(2, 'int32'));
    expect(Array.from(ids.dataSync())).toEqual([1, 2, 7]);
  });

  it('leaves no tensors behind', () => {
    const ring = zeroRing(4);
    const batch = column([1, 2]);
    const before = tf.memory().numTensors;
    enqueue(ring, batch);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses batches that do not fit', () => {
    expect(() => enqueue(zeroRing(4), column([1, 2, 3]))).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
    expect(() => enqueue(zeroRing(4), tf.zeros([2, 5]))).toThrow(/must be float32 \[n, 1\], but is float32 \[2,5\]/);
    expect(() => enqueue(createIntRing({ rows: 4 }), tf.zeros([2]))).toThrow(
      /must be int32 \[n\], but is float32 \[2\]/,
    );
  });
});

describe('requireMultiple', () => {
  it('passes sizes that are filled by whole batches', () => {
    expect(() => requireMultiple('moco', 'queueSize', 4096, 256)).not.toThrow();
  });

  it('says who, what and which sizes fit', () => {
    expect(() => requireMultiple('moco', 'queueSize', 1000, 256)).toThrow(
      expect.objectContaining({
        code: 'BAD_OPTION',
        message: '[moco] queueSize is 1000, but it must be a multiple of the 256 rows that each step adds.',
        hint: 'Set queueSize to 768 or 1024, or choose a batch size that divides 1000.',
      }),
    );
    expect(() => requireMultiple('moco', 'queueSize', 0, 256)).toThrow(/must be a multiple/);
  });
});
