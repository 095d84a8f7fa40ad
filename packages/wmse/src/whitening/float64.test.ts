import { Rng } from '@contrastive/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyTransposed, cholesky, covarianceOf, eigenSymmetric, invertLower, shrink } from './float64.js';

const random = (length: number, seed: number): Float64Array => {
  const rng = Rng.create(seed);
  return Float64Array.from({ length }, () => rng.normal());
};
const product = (a: Float64Array, b: Float64Array, k: number): number[] =>
  Array.from({ length: k * k }, (_, at) => {
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a[Math.floor(at / k) * k + p]! * b[p * k + (at % k)]!;
    return sum;
  });
const transposed = (a: Float64Array, k: number) =>
  Float64Array.from({ length: k * k }, (_, at) => a[(at % k) * k + Math.floor(at / k)]!);
const identity = (k: number) => Array.from({ length: k * k }, (_, at) => (at % (k + 1) === 0 ? 1 : 0));
const expectNear = (a: ArrayLike<number>, b: ArrayLike<number>, digits = 10) => {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(a[i]).toBeCloseTo(b[i]!, digits);
};

// Spec "wmse", example A.
const x = [1, 2, 2, 1, 3, 4, 4, 3, 5, 6, 6, 8];
const sizes = fc.integer({ min: 1, max: 9 });
const seeds = fc.nat(1e6);

describe('covarianceOf', () => {
  it('gives mean and unbiased covariance of example A', () => {
    const { mean, covariance } = covarianceOf(x, 6, 2);
    expectNear(mean, [3.5, 4]);
    expectNear(covariance, [3.5, 4.4, 4.4, 6.8]);
  });
});

describe('cholesky', () => {
  it('gives factor and inverse of example A', () => {
    const factor = cholesky(Float64Array.of(3.5, 4.4, 4.4, 6.8), 2, 0)!;
    expectNear(factor, [1.870829, 0, 2.351899, 1.126309], 6);
    expectNear(invertLower(factor, 2), [0.534522, 0, -1.116162, 0.887856], 6);
  });

  it('gives back the matrix, and its inverse the identity', () => {
    fc.assert(
      fc.property(sizes, seeds, (k, seed) => {
        const { covariance } = covarianceOf(random(3 * k * k + 3 * k, seed), 3 * k + 3, k);
        const factor = cholesky(covariance, k, 0)!;
        expectNear(product(factor, transposed(factor, k), k), covariance);
        expectNear(product(invertLower(factor, k), factor, k), identity(k), 8);
      }),
    );
  });

  it('gives nothing for matrices that are not positive definite, or NaN', () => {
    expect(cholesky(Float64Array.of(1, 2, 2, 1), 2, 0)).toBeUndefined();
    expect(cholesky(Float64Array.of(1, 1, 1, 1), 2, 1e-12)).toBeUndefined();
    expect(cholesky(Float64Array.of(Number.NaN, 0, 0, 1), 2, 0)).toBeUndefined();
  });
});

describe('eigenSymmetric', () => {
  it('gives ascending eigenvalues and orthonormal eigenvectors', () => {
    fc.assert(
      fc.property(sizes, seeds, (k, seed) => {
        const { covariance } = covarianceOf(random(2 * k * (k + 1), seed), 2 * k + 2, k);
        const { values, vectors } = eigenSymmetric(covariance, k);
        expect([...values]).toEqual([...values].sort((a, b) => a - b));
        expectNear(product(transposed(vectors, k), vectors, k), identity(k));
        const scaled = vectors.map((v, at) => v * values[at % k]!);
        expectNear(product(scaled, transposed(vectors, k), k), covariance, 9);
      }),
    );
  });

  it('handles a diagonal matrix and equal eigenvalues', () => {
    expectNear(eigenSymmetric(Float64Array.of(2, 0, 0, 2), 2).values, [2, 2]);
    expectNear(eigenSymmetric(Float64Array.of(3, 0, 0, 1), 2).values, [1, 3]);
  });
});

describe('shrink and applyTransposed', () => {
  it('mixes with the identity', () => {
    expectNear(shrink(Float64Array.of(3.5, 4.4, 4.4, 6.8), 2, 0.1), [3.25, 3.96, 3.96, 6.22]);
  });
  it('multiplies rows by the transposed matrix', () => {
    expectNear(applyTransposed(Float64Array.of(1, 2, 3, 4), Float64Array.of(1, 0, 10, 1), 2), [1, 12, 3, 34]);
  });
});
