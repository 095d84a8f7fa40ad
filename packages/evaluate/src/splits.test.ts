import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { otherRows, stratifiedSample } from './splits.js';

describe('stratifiedSample', () => {
  it('takes 50 and 500 images of each CIFAR-10 class', () => {
    const labels = Int32Array.from({ length: 50_000 }, (_, i) => i % 10);
    for (const [share, each] of [
      [0.01, 50],
      [0.1, 500],
    ] as const) {
      const counts = new Int32Array(10);
      for (const row of stratifiedSample(labels, share)) counts[labels[row]!]!++;
      expect([...counts]).toEqual(new Array(10).fill(each));
    }
  });

  it('gives distinct sorted rows, at least one of every class, the same for a seed', () => {
    const someLabels = fc.array(fc.nat(6), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(someLabels, fc.double({ min: 0.01, max: 1, noNaN: true }), fc.nat(99), (values, share, seed) => {
        const labels = Int32Array.from(values);
        const rows = stratifiedSample(labels, share, seed);
        expect([...rows]).toEqual([...new Set(rows)].sort((a, b) => a - b));
        expect(new Set(Array.from(rows, (i) => labels[i]!))).toEqual(new Set(values));
        expect([...stratifiedSample(labels, share, seed)]).toEqual([...rows]);
        expect([...rows, ...otherRows(values.length, rows)].sort((a, b) => a - b)).toEqual([...values.keys()]);
      }),
    );
  });

  it('depends on the seed', () => {
    const labels = new Int32Array(1000);
    expect([...stratifiedSample(labels, 0.1, 1)]).not.toEqual([...stratifiedSample(labels, 0.1, 2)]);
  });

  it('refuses shares out of range, no labels and missing ones', () => {
    expect(() => stratifiedSample(Int32Array.of(1), 0)).toThrow(/share is 0/);
    expect(() => stratifiedSample(Int32Array.of(1), 1.5)).toThrow(/share is 1.5/);
    expect(() => stratifiedSample(new Int32Array(0), 0.5)).toThrow(/no labels/);
    expect(() => stratifiedSample(Int32Array.of(0, -1), 0.5)).toThrow(/label -1/);
  });
});
