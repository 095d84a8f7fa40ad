import { Rng } from '@contrastive/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSelector } from './select.js';

function expectSorted(values: readonly number[], wanted: number, offset: number): void {
  const k = Math.min(wanted, values.length);
  const penalty = Float64Array.from(values, (_, i) => (i % 3) / 2);
  const selector = createSelector(values.length, k);
  const row = Float32Array.from([...new Array(offset).fill(99), ...values]);
  selector.select(row, offset, penalty);
  const sorted = values.map((v, index) => ({ score: v - (index % 3) / 2, index }));
  sorted.sort((a, b) => b.score - a.score || a.index - b.index);
  expect([...selector.indices]).toEqual(sorted.slice(0, k).map((s) => s.index));
  expect([...selector.values]).toEqual(sorted.slice(0, k).map((s) => s.score));
}

describe('createSelector', () => {
  it('equals sorting by (score, index), ties included', () => {
    const scores = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 60 });
    fc.assert(fc.property(scores, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 3 }), expectSorted));
  });

  it('does so for rows larger than its sample, whatever their order', () => {
    const rng = Rng.create(1);
    const n = 9000;
    expectSorted(
      Array.from({ length: n }, () => Math.round(1000 * rng.normal())),
      40,
      1,
    );
    expectSorted(
      Array.from({ length: n }, (_, i) => i),
      40,
      0,
    );
    expectSorted(
      Array.from({ length: n }, (_, i) => -i),
      40,
      0,
    );
    expectSorted(new Array(n).fill(1), 40, 0);
  });

  it('still finds all where the sample holds the best entries only', () => {
    // Every fourth entry is looked at first: the bound they give is exceeded by fewer than k.
    expectSorted(
      Array.from({ length: 8192 }, (_, i) => (i % 4 === 0 ? 5000 + (i % 97) : -i)),
      4000,
      0,
    );
  });

  it('keeps nothing from the row before', () => {
    const selector = createSelector(4, 2);
    selector.select(Float32Array.of(9, 8, 7, 6), 0, new Float64Array(4));
    selector.select(Float32Array.of(1, 2, 3, 4), 0, new Float64Array(4));
    expect([...selector.values]).toEqual([4, 3]);
  });
});
