import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Box } from './detection.js';
import { centreTargets, decodeCentres, type GridShape } from './detector-targets.js';

const grid: GridShape = { rows: 4, columns: 5, classes: 2, strideY: 8, strideX: 8 };

describe('centreTargets and decodeCentres', () => {
  it('are inverse: decoding the targets gives the boxes', () => {
    const side = fc.integer({ min: 1, max: 16 });
    const centre = fc.tuple(fc.integer({ min: 8, max: 31 }), fc.integer({ min: 8, max: 23 }));
    fc.assert(
      fc.property(centre, side, side, fc.nat(1), ([x, y], halfWidth, halfHeight, label) => {
        const region: Box = [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight];
        const { heat, box, count } = centreTargets(grid, Int32Array.of(7), [{ image: 7, label, region }]);
        expect(count).toBe(1);
        const output = new Float32Array(20 * 6);
        const peaks = heat.map((value) => (value === 1 ? value : 0));
        for (let cell = 0; cell < 20; cell++) output.set(box.subarray(cell * 4, cell * 4 + 4), cell * 6 + 2);
        expect(decodeCentres(grid, Int32Array.of(7), output, peaks, 10)).toEqual([
          { image: 7, label, score: 1, region },
        ]);
      }),
    );
  });

  it('let values fall off around a centre, by the size of the box', () => {
    const { heat } = centreTargets(grid, Int32Array.of(0), [{ image: 0, label: 0, region: [0, 0, 24, 24] }]);
    // Centre (12, 12) lies in cell (1, 1); the deviation is 3 cells / 6 = 1/2, so a neighbour has exp(−2).
    expect(heat[(1 * 5 + 1) * 2]).toBe(1);
    expect(heat[(1 * 5 + 2) * 2]).toBeCloseTo(Math.exp(-2), 6);
    expect(heat[(1 * 5 + 1) * 2 + 1]).toBe(0);
  });

  it('keep the best detections of every image', () => {
    const peaks = new Float32Array(40);
    peaks.set([0.2, 0, 0.9, 0.4], 0);
    const found = decodeCentres(grid, Int32Array.of(3), new Float32Array(20 * 6), peaks, 2);
    expect(found.map(({ label, score }) => [label, Math.round(10 * score)])).toEqual([
      [0, 9],
      [1, 4],
    ]);
  });

  it('count at least one object, so that empty images have a loss', () => {
    expect(centreTargets(grid, Int32Array.of(0), []).count).toBe(1);
  });
});
