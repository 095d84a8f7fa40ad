import { Rng } from '@contrastive/core';
import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { bankOf } from '../test/branches.js';
import { atAngles, exampleBank } from '../test/example.js';
import { bankIn, createBank, nearestKeys, storeKeys } from './bank.js';

const ints = (...values: number[]) => tf.tensor1d(values, 'int32');
const values = (t: tf.Tensor) => Array.from(t.dataSync());

describe('createBank', () => {
  it('starts with random unit rows of unknown images', () => {
    const state = createBank({ rows: 6, dim: 4, rng: Rng.create(1) });
    expect(Object.keys(state).sort()).toEqual(
      ['bank/ids', 'bank/ids/pointer', 'bank/keys', 'bank/keys/pointer', 'bank/labels', 'bank/labels/pointer'], // biome-ignore format: short
    );
    expectClose(tf.norm(state['bank/keys']!, 2, 1), tf.ones([6]));
    expect(values(state['bank/ids']!)).toEqual([-1, -1, -1, -1, -1, -1]);
    expect(Object.values(state).some((v) => v.trainable)).toBe(false);
  });
});

describe('storeKeys', () => {
  it.each([
    [5, [0, 0, 0, 1, 2], 0],
    [6, [0, 0, 0, 1, 2, 3], 0],
    [7, [0, 0, 0, 1, 2, 3, 0], 6],
  ])('writes three rows at place 3 of %d as example C of spec "snclr" says', (size, rows, pointer) => {
    const state = bankOf(tf.zeros([size, 1]), { pointer: 3 });
    storeKeys(bankIn(state), tf.tensor2d([1, 2, 3], [3, 1]), ints(7, 8, 9), ints(0, 1, 2));
    expect(values(state['bank/keys']!)).toEqual(rows);
    expect(values(state['bank/keys/pointer']!)).toEqual([pointer]);
    expect(values(state['bank/ids']!).filter((id) => id >= 0)).toEqual(rows.filter((r) => r > 0).map((r) => r + 6));
    expect(values(state['bank/labels/pointer']!)).toEqual([pointer]);
  });

  it('changes exactly the rows that it writes, to the raw keys', () => {
    const before = seededTensor<tf.Rank.R2>([8, 3], 1);
    const state = bankOf(before, { pointer: 4 });
    const keys = tf.mul(5, seededTensor<tf.Rank.R2>([2, 3], 2)) as tf.Tensor2D;
    storeKeys(bankIn(state), keys, ints(1, 2), ints(-1, -1));
    const after = state['bank/keys']! as unknown as tf.Tensor2D;
    expectClose(tf.slice(after, 4, 2), keys);
    expect(values(tf.slice(after, 0, 4))).toEqual(values(tf.slice(before, 0, 4)));
    expect(values(tf.slice(after, 6, 2))).toEqual(values(tf.slice(before, 6, 2)));
  });
});

describe('nearestKeys', () => {
  it('finds the neighbours of worked example A, nearest first', () => {
    const found = nearestKeys(bankIn(bankOf(exampleBank())), atAngles(0, 90), { count: 3 });
    expect(values(found.places)).toEqual([1, 0, 2, 3, 4, 2]);
    expectClose(
      found.similarities,
      [15, 30, 40, 15, 30, 50].map((a) => Math.cos((a * Math.PI) / 180)),
    );
    expect(found.rows.shape).toEqual([2, 3, 2]);
  });

  it('does not mind the length of queries and rows', () => {
    const [queries, bank] = [seededTensor<tf.Rank.R2>([4, 5], 1), seededTensor<tf.Rank.R2>([20, 5], 2)];
    const scaled = tf.mul(bank, tf.add(0.1, tf.abs(seededTensor([20, 1], 3)))) as tf.Tensor2D;
    const places = (q: tf.Tensor2D, b: tf.Tensor2D) => values(nearestKeys(bankIn(bankOf(b)), q, { count: 6 }).places);
    expect(places(tf.mul(7, queries) as tf.Tensor2D, scaled)).toEqual(places(queries, bank));
  });

  it('leaves out older copies of the image itself', () => {
    const bank = bankIn(bankOf(exampleBank(), { ids: [4, 5, 4, 6, 7, 8] }));
    const found = nearestKeys(bank, atAngles(0, 90), { count: 3, exclude: ints(4, 6) });
    expect(values(found.places).slice(0, 2)).toEqual([1, 3]);
    expect(values(found.places).slice(3, 5)).toEqual([4, 2]);
  });

  it('passes no gradient to queries', () => {
    const bank = bankIn(bankOf(exampleBank()));
    const sum = (q: tf.Tensor) =>
      tf.add(tf.sum(nearestKeys(bank, q as tf.Tensor2D, { count: 2 }).rows), tf.mul(0, tf.sum(q))) as tf.Scalar;
    expect(values(tf.grad(sum)(atAngles(1, 2)))).toEqual([0, 0, 0, 0]);
  });
});
