import fc from 'fast-check';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { normals } from '../../test/data.js';
import { eigenvalues } from './eigenvalues.js';
import { gram } from './spectrum.js';

const diagonalOf = (values: readonly number[]) =>
  Float64Array.from({ length: values.length ** 2 }, (_, i) =>
    i % (values.length + 1) === 0 ? values[i / (values.length + 1)]! : 0,
  );

describe('eigenvalues', () => {
  it('of [[2, 1], [1, 2]] are 3 and 1', () => {
    const found = eigenvalues(Float64Array.of(2, 1, 1, 2), 2);
    expect(found[0]).toBeCloseTo(3, 14);
    expect(found[1]).toBeCloseTo(1, 14);
  });

  it('of a diagonal matrix are its diagonal in order, of 1 × 1 its entry', () => {
    expect([...eigenvalues(diagonalOf([1, 0, 7, 0, 3]), 5)]).toEqual([7, 3, 1, 0, 0]);
    expect([...eigenvalues(Float64Array.of(4), 1)]).toEqual([4]);
  });

  it('of all ones are n and zeros, never below zero', () => {
    const found = eigenvalues(new Float64Array(400).fill(1), 20);
    expect(found[0]).toBeCloseTo(20, 12);
    expect(Math.max(...found.slice(1))).toBeLessThan(1e-13);
    expect(Math.min(...found)).toBeGreaterThanOrEqual(0);
  });

  it('of (2, −1)-chains are 2 − 2·cos(jπ/(n+1))', () => {
    const n = 30;
    const chain = Float64Array.from({ length: n * n }, (_, i) => [2, -1][Math.abs((i % n) - Math.floor(i / n))] ?? 0);
    const expected = Array.from({ length: n }, (_, j) => 2 - 2 * Math.cos(((n - j) * Math.PI) / (n + 1)));
    for (const [j, value] of eigenvalues(chain, n).entries()) expect(value).toBeCloseTo(expected[j]!, 12);
  });

  it('agree with another program’s, and leave the matrix as it was', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 2, max: 30 }), fc.nat(1000), (dim, rows, seed) => {
        const matrix = gram(normals(rows, dim, seed), new Float64Array(dim));
        const before = Float64Array.from(matrix);
        const theirs = new EigenvalueDecomposition(Matrix.from1DArray(dim, dim, matrix), { assumeSymmetric: true });
        const expected = [...theirs.realEigenvalues].sort((a, b) => b - a);
        for (const [i, value] of eigenvalues(matrix, dim).entries())
          expect(value).toBeCloseTo(Math.max(0, expected[i]!), 9);
        expect(matrix).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });

  it('refuse what is not finite', () => {
    expect(() => eigenvalues(Float64Array.of(1, Number.NaN, Number.NaN, 1), 2)).toThrow(/not finite/);
  });
});
