import fc from 'fast-check';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { normals } from '../../test/data.js';
import { choleskyFactor, solveLowerRows, symmetricEigenvalues } from './symmetric.js';

/** X·Xᵀ of a random X [size, rank]: positive semidefinite of that rank. */
function product(size: number, rank: number, seed: number): Float64Array {
  const { data } = normals(size, rank, seed);
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += data[i * rank + k]! * data[j * rank + k]!;
    return sum;
  });
}

describe('symmetricEigenvalues', () => {
  it('are those of the 2 × 2 matrix [[2, 1], [1, 2]] and of a diagonal', () => {
    expect([...symmetricEigenvalues(Float64Array.of(2, 1, 1, 2), 2)].map((v) => v.toFixed(12))).toEqual([
      '3.000000000000',
      '1.000000000000',
    ]);
    expect([...symmetricEigenvalues(Float64Array.of(-1, 0, 0, 0, 5, 0, 0, 0, 0), 3)]).toEqual([5, 0, -1]);
    expect([...symmetricEigenvalues(Float64Array.of(7), 1)]).toEqual([7]);
  });

  it('are those of the second difference, 2 − 2·cos(kπ/(n + 1))', () => {
    const n = 40;
    const matrix = Float64Array.from({ length: n * n }, (_, at) => {
      const apart = Math.abs(Math.floor(at / n) - (at % n));
      return apart === 0 ? 2 : apart === 1 ? -1 : 0;
    });
    symmetricEigenvalues(matrix, n).forEach((v, i) => {
      expect(v).toBeCloseTo(2 - 2 * Math.cos(((n - i) * Math.PI) / (n + 1)), 12);
    });
  });

  it('agree with a decomposition that also makes vectors, for any rank and scale', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: -30, max: 30 }),
        fc.nat(1000),
        (size, rank, power, seed) => {
          const scale = 10 ** power;
          const matrix = product(size, rank, seed).map((v) => v * scale);
          const before = matrix.slice();
          const ours = symmetricEigenvalues(matrix, size);
          expect(matrix).toEqual(before);
          const theirs = new EigenvalueDecomposition(Matrix.from1DArray(size, size, matrix), { assumeSymmetric: true });
          const sorted = theirs.realEigenvalues.toSorted((a, b) => b - a);
          ours.forEach((v, i) => {
            expect(v / scale).toBeCloseTo(sorted[i]! / scale, 9);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are NaN if the matrix is not finite', () => {
    expect([...symmetricEigenvalues(Float64Array.of(1, Number.NaN, Number.NaN, 1), 2)]).toEqual([
      Number.NaN,
      Number.NaN,
    ]);
  });
});

describe('choleskyFactor', () => {
  it('gives L of L·Lᵀ, and solves with it', () => {
    const [size, rank] = [6, 9];
    const matrix = product(size, rank, 3);
    const factor = choleskyFactor(matrix, size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let sum = 0;
        for (let k = 0; k < size; k++) sum += factor[i * size + k]! * factor[j * size + k]!;
        expect(sum).toBeCloseTo(matrix[i * size + j]!, 10);
      }
    }
    // L⁻¹ of the columns of L are the unit vectors.
    const columns = Float64Array.from(
      { length: size * size },
      (_, at) => factor[(at % size) * size + Math.floor(at / size)]!,
    );
    solveLowerRows(factor, size, columns);
    columns.forEach((v, at) => {
      expect(v).toBeCloseTo(at % (size + 1) === 0 ? 1 : 0, 10);
    });
  });
});
