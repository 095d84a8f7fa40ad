import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrix, normals } from '../../test/data.js';
import { applyPca, fitPca } from './pca.js';

describe('fitPca', () => {
  it('finds the long axis of a flat cloud', () => {
    const features = matrix([
      [3, 3],
      [-3, -3],
      [1, -1],
      [-1, 1],
    ]);
    const pca = fitPca(features, 2);
    expect([...pca.directions].map((v) => Math.abs(v).toFixed(6))).toEqual(new Array(4).fill(Math.SQRT1_2.toFixed(6)));
    // Variances 36 and 4 of 40.
    expect([...pca.explained].map((v) => v.toFixed(6))).toEqual(['0.900000', '0.100000']);
    expect(Math.abs(applyPca(pca, features).data[0]!)).toBeCloseTo(3 * Math.SQRT2, 5);
  });

  it('keeps all distances with all components', () => {
    fc.assert(
      fc.property(fc.nat(1000), (seed) => {
        const features = normals(8, 4, seed);
        const moved = applyPca(fitPca(features, 4), features);
        const distance = (m: typeof features, i: number, j: number) =>
          Math.hypot(...[0, 1, 2, 3].map((d) => m.data[i * 4 + d]! - m.data[j * 4 + d]!));
        for (let i = 1; i < 8; i++) expect(distance(moved, i, 0)).toBeCloseTo(distance(features, i, 0), 4);
      }),
      { numRuns: 20 },
    );
  });

  it('gives at most rows − 1 components, and fixes signs', () => {
    expect(fitPca(normals(3, 5, 1), 128).components).toBe(2);
    const pca = fitPca(normals(30, 3, 2), 3);
    for (let c = 0; c < 3; c++) {
      const row = [...pca.directions.subarray(3 * c, 3 * c + 3)];
      expect(Math.max(...row)).toBe(Math.max(...row.map(Math.abs)));
    }
  });

  it('refuses one row, no components and other widths', () => {
    expect(() => fitPca(matrix([[1, 2]]), 1)).toThrow(/at least 2/);
    expect(() => fitPca(normals(4, 2, 1), 0)).toThrow(/components is 0/);
    expect(() => applyPca(fitPca(normals(4, 2, 1), 1), normals(4, 3, 1))).toThrow(/2 columns, test features 3/);
  });
});
