import { hostTensor } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { compareFixture, isWithin } from './compare.js';
import type { Fixture, Tolerance } from './fixture.js';

const STANDARD: Tolerance = { rel: 0.1, abs: 0.01, absGrad: 0.001 };
const fixture = (expected: Fixture['expected'], tolerance: Tolerance = STANDARD): Fixture => ({
  ...{ name: 'case', source: 'here', notes: '', inputs: {}, params: {} },
  expected,
  tolerance,
});
const compare = (expected: Fixture['expected'], actual: Record<string, unknown>, tolerance?: Tolerance) =>
  compareFixture(fixture(expected, tolerance), actual);
const passes = async (...args: Parameters<typeof compare>) => (await compare(...args)).every(isWithin);

describe('compareFixture', () => {
  it('allows rel × the largest expected magnitude + abs, per tensor', async () => {
    const [result] = await compare({ x: [1, -10] }, { x: [1.5, -10] });
    expect(result).toEqual({ field: 'x', difference: 0.5, allowed: expect.closeTo(1.01, 9) });
    expect(await passes({ x: [1, -10] }, { x: [2.005, -10] })).toBe(true);
    expect(await passes({ x: [1, -10] }, { x: [2.02, -10] })).toBe(false);
    expect(await passes({ x: [1], y: [-10] }, { x: [2], y: [-10] })).toBe(false);
  });

  it('uses absGrad where the path says grad', async () => {
    expect(await passes({ loss: 0 }, { loss: 0.009 })).toBe(true);
    expect(await passes({ gradX: 0 }, { gradX: 0.009 })).toBe(false);
    expect(await passes({ lastGrad: { w: 0 } }, { lastGrad: { w: 0.009 } })).toBe(false);
  });

  it('lets fields override rel for a dotted path and everything below, without list indices', async () => {
    const tolerance = { ...STANDARD, fields: { 'steps.w': 0.5, 'steps.w.deep': 0.2 } };
    expect(await passes({ steps: [{ w: [10] }] }, { steps: [{ w: [14] }] }, tolerance)).toBe(true);
    expect(await passes({ steps: [{ v: [10] }] }, { steps: [{ v: [14] }] }, tolerance)).toBe(false);
    expect(await passes({ steps: [{ w: { deep: [10] } }] }, { steps: [{ w: { deep: [14] } }] }, tolerance)).toBe(false);
    expect(await passes({ steps: [{ wide: [10] }] }, { steps: [{ wide: [14] }] }, tolerance)).toBe(false);
  });

  it('follows the rules that a field states for itself', async () => {
    const tolerance = {
      tensor: { atol: 0.1 },
      levels: { atolLevels: 1 },
      note: { note: 'informative' },
      boxes: 'exact',
    };
    expect(await passes({ tensor: [100] }, { tensor: [100.2] }, tolerance)).toBe(false);
    expect(await passes({ levels: [100] }, { levels: [101] }, tolerance)).toBe(true);
    expect(await passes({ levels: [100] }, { levels: [102] }, tolerance)).toBe(false);
    expect(await passes({ note: [100] }, {}, tolerance)).toBe(true);
    expect(await passes({ boxes: [[1, 2]] }, { boxes: [[1, 2]] }, tolerance)).toBe(true);
    expect(await passes({ boxes: [[1, 2]] }, { boxes: [[1, 2.1]] }, tolerance)).toBe(false);
  });

  it('takes tensors, host tensors, typed arrays and lists of them', async () => {
    const expected = {
      x: [
        [1, 2],
        [3, 4],
      ],
    };
    const rows = [tf.tensor1d([1, 2]), Float32Array.of(3, 4)];
    for (const x of [tf.tensor2d(expected.x), hostTensor([2, 2], [1, 2, 3, 4]), rows]) {
      expect(await passes(expected, { x })).toBe(true);
    }
    expect(await passes({ x: 5 }, { x: tf.scalar(5, 'int32') })).toBe(true);
  });

  it('names missing fields, wrong shapes, wrong lists and wrong words', async () => {
    const problem = async (expected: Fixture['expected'], actual: Record<string, unknown>) =>
      (await compare(expected, actual))[0];
    expect(await problem({ x: 1 }, {})).toMatchObject({ field: 'x', problem: 'is missing' });
    expect(await problem({ x: [1, 2] }, { x: [1] })).toMatchObject({ problem: 'has shape [1], expected [2]' });
    expect(await problem({ x: [1, 2] }, { x: [[1], [2]] })).toMatchObject({ problem: 'has shape [2,1], expected [2]' });
    expect(await problem({ x: [1, 2] }, { x: [1, 'a'] })).toMatchObject({ problem: 'is not numeric' });
    expect(await problem({ x: [{ a: 1 }] }, { x: [] })).toMatchObject({ problem: 'is no list of 1' });
    expect(await problem({ x: { a: 1 } }, { x: 3 })).toMatchObject({ problem: 'is no record' });
    expect(await problem({ x: null }, { x: 0 })).toMatchObject({ problem: 'is 0, expected null' });
    expect(await problem({ x: 'a' }, { x: 'b' })).toMatchObject({ problem: 'is "b", expected "a"' });
    expect(await problem({ steps: [{ w: 1 }] }, { steps: [{}] })).toMatchObject({ field: 'steps.0.w' });
  });

  it('compares ragged lists part by part', async () => {
    const expected = { params: [[[1, 2]], [3]] };
    expect(await passes(expected, { params: [tf.tensor2d([[1, 2]]), tf.tensor1d([3])] })).toBe(true);
    expect(await passes(expected, { params: [[[1, 2]], [3.5]] })).toBe(false);
  });

  it('never passes NaN', async () => {
    expect(await passes({ x: [1, 2] }, { x: [Number.NaN, 2] })).toBe(false);
    expect(await passes({ x: [1, 2] }, { x: [1, Number.NaN] })).toBe(false);
  });

  it('ignores what the case does not ask for', async () => {
    expect(await passes({ x: 1 }, { x: 1, more: 'things' })).toBe(true);
  });
});
