import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cholesky, invertLower, symmetricEigen } from './linalg.js';
import { Rng } from './rng.js';

/** a · b, or a · bᵀ. */
function product(a: Float64Array, b: Float64Array, n: number, transpose = false): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < n; k++) out[i * n + j]! += a[i * n + k]! * b[transpose ? j * n + k : k * n + j]!;
    }
  }
  return out;
}
function expectClose(a: Float64Array, b: ArrayLike<number>, abs = 1e-12) {
  expect(a.length).toBe(b.length);
  a.forEach((v, i) => {
    expect(Math.abs(v - b[i]!)).toBeLessThanOrEqual(abs);
  });
}
const identity = (n: number) => Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
/** B Bᵀ + 0.1 I of a random B. */
function positiveDefinite(n: number, seed: number): Float64Array {
  const rng = Rng.create(seed);
  const b = Float64Array.from({ length: n * n }, () => rng.normal());
  return product(b, b, n, true).map((v, i) => v + (i % (n + 1) === 0 ? 0.1 : 0));
}
const sizes = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(1000));

describe('cholesky', () => {
  it('factors a worked example', () => {
    // (4 2; 2 5) = L Lᵀ with L = (2 0; 1 2).
    expectClose(cholesky(Float64Array.of(4, 2, 2, 5), 2)!, [2, 0, 1, 2]);
  });

  it('gives back the matrix, with zeros above the diagonal', () => {
    fc.assert(
      fc.property(sizes, ([n, seed]) => {
        const a = positiveDefinite(n, seed);
        const l = cholesky(a, n)!;
        expectClose(product(l, l, n, true), a, 1e-10);
        for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) expect(l[i * n + j]).toBe(0);
      }),
    );
  });

  it('says if a matrix is not positive definite', () => {
    expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined();
    expect(cholesky(Float64Array.of(0), 1)).toBeUndefined();
    expect(cholesky(Float64Array.of(Number.NaN), 1)).toBeUndefined();
    expect(cholesky(Float64Array.of(Number.POSITIVE_INFINITY), 1)).toBeUndefined();
  });
});

describe('invertLower', () => {
  it('inverts a worked example', () => {
    expectClose(invertLower(Float64Array.of(2, 0, 1, 2), 2), [0.5, 0, -0.25, 0.5]);
  });

  it('gives the identity when multiplied with the matrix', () => {
    fc.assert(
      fc.property(sizes, ([n, seed]) => {
        const l = cholesky(positiveDefinite(n, seed), n)!;
        expectClose(product(l, invertLower(l, n), n), identity(n), 1e-9);
      }),
    );
  });
});

describe('symmetricEigen', () => {
  it('solves a worked example', () => {
    // (2 1; 1 2): 1 along (1, −1), 3 along (1, 1).
    const { values, vectors } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2);
    expectClose(values, [1, 3]);
    expect(vectors[0]! * vectors[2]!).toBeCloseTo(-0.5, 12);
    expect(vectors[1]! * vectors[3]!).toBeCloseTo(0.5, 12);
  });

  it('gives orthonormal vectors that rebuild the matrix, in ascending order', () => {
    fc.assert(
      fc.property(sizes, ([n, seed]) => {
        const rng = Rng.create(seed);
        const a = new Float64Array(n * n);
        for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = rng.normal();
        const { values, vectors } = symmetricEigen(a, n);
        expectClose(product(vectors, vectors, n, true), identity(n), 1e-12);
        const scaled = vectors.map((v, i) => v * values[i % n]!);
        expectClose(product(scaled, vectors, n, true), a, 1e-11);
        expect([...values]).toEqual([...values].sort((x, y) => x - y));
      }),
    );
  });

  it('handles repeated, zero and very different eigenvalues', () => {
    expectClose(symmetricEigen(identity(3), 3).values, [1, 1, 1]);
    expectClose(symmetricEigen(new Float64Array(9), 3).values, [0, 0, 0]);
    expectClose(symmetricEigen(Float64Array.of(1, 1, 1, 1), 2).values, [0, 2]);
    // Graded matrix: determinant 1e-12 · (1 − 0.01), so the small value keeps its digits.
    const graded = symmetricEigen(Float64Array.of(1, 1e-7, 1e-7, 1e-12), 2).values;
    expect(graded[0]! / 0.99e-12).toBeCloseTo(1, 9);
  });

  it('agrees with the factors of Cholesky on the determinant', () => {
    const a = positiveDefinite(40, 5);
    const l = cholesky(a, 40)!;
    const logDet = Array.from({ length: 40 }, (_, i) => 2 * Math.log(l[i * 41]!)).reduce((x, y) => x + y, 0);
    const { values } = symmetricEigen(a, 40);
    expect(values.reduce((sum, v) => sum + Math.log(v), 0)).toBeCloseTo(logDet, 8);
  });

  it('refuses values that are not finite', () => {
    expect(() => symmetricEigen(Float64Array.of(Number.NaN), 1)).toThrow(
      expect.objectContaining({ code: 'NOT_FINITE' }),
    );
  });
});

describe('sizes', () => {
  it('are checked', () => {
    for (const f of [cholesky, invertLower, symmetricEigen]) {
      expect(() => f(new Float64Array(3), 2)).toThrow(/a 2 × 2 matrix has 4 values, but 3 were given/);
    }
  });
});
