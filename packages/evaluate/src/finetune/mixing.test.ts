import { Rng } from '@contrastive/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mixBatch, smoothTargets } from './mixing.js';

describe('smoothTargets', () => {
  it('of classes 1 and 0 of 4 at ε = 0.1 are 0.925 at the class and 0.025 elsewhere', () => {
    const rows = [...smoothTargets([1, 0], 4, 0.1)].map((v) => v.toFixed(3));
    expect(rows).toEqual(['0.025', '0.925', '0.025', '0.025', '0.925', '0.025', '0.025', '0.025']);
    expect([...smoothTargets([1], 2, 0)]).toEqual([0, 1]);
  });
});

describe('mixBatch', () => {
  /** Image i is filled with i, so that a pixel tells whose it is. */
  const batch = (n: number, side: number) => ({
    shape: [n, side, side, 3] as [number, number, number, number],
    dtype: 'float32' as const,
    data: Float32Array.from({ length: n * side * side * 3 }, (_, v) => Math.floor(v / (side * side * 3))),
  });

  it('mixes labels by the share of pixels that each image has', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 2, max: 6 }), fc.integer({ min: 4, max: 9 }), (seed, n, side) => {
        const images = batch(n, side);
        const before = images.data.slice();
        const made = mixBatch(
          images,
          smoothTargets([...Array(n).keys()], n, 0),
          { mixup: 0.8, cutmix: 1 },
          Rng.create(seed),
        );
        const { targets } = made;
        const mixed = Float64Array.from(made.images.data);
        expect(images.data).toEqual(before);
        for (let i = 0; i < n; i++) {
          const row = targets.subarray(i * n, (i + 1) * n);
          expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
          // The mean pixel is the mean image number, weighted like the labels.
          const pixels = mixed.subarray(i * side * side * 3, (i + 1) * side * side * 3);
          const expected = row.reduce((sum, share, label) => sum + share * label, 0);
          expect(pixels.reduce((a, b) => a + b, 0) / pixels.length).toBeCloseTo(expected, 4);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('uses mixup and CutMix about equally often', () => {
    let boxes = 0;
    for (let seed = 0; seed < 200; seed++) {
      const { images } = mixBatch(
        batch(8, 8),
        smoothTargets([...Array(8).keys()], 8, 0),
        { mixup: 0.8, cutmix: 1 },
        Rng.create(seed),
      );
      if (images.data.every(Number.isInteger)) boxes++;
    }
    expect(boxes).toBeGreaterThan(70);
    expect(boxes).toBeLessThan(130);
  });
});
