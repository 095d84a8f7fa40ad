import { Rng } from '@contrastive/core';
import { inverse, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { matrix, normals } from '../../test/data.js';
import { lidar } from './lidar.js';

/** `images` points along the first `rank` axes, each seen `views` times with noise. */
function views(images: number, count: number, dim: number, rank: number, noise: number) {
  const rng = Rng.create(5);
  const centres = Float64Array.from({ length: images * dim }, (_, i) => (i % dim < rank ? rng.normal() : 0));
  const data = Float32Array.from({ length: images * count * dim }, (_, i) => {
    const image = Math.floor(i / (count * dim));
    return centres[image * dim + (i % dim)]! + noise * rng.normal();
  });
  return { data, rows: images * count, dim };
}

describe('lidar', () => {
  it('is close to the number of directions in which images differ', () => {
    expect(lidar(views(60, 5, 8, 3, 0.01), { views: 5 })).toBeCloseTo(3, 0);
    expect(lidar(views(60, 5, 8, 1, 0.01), { views: 5 })).toBeLessThan(1.05);
  });

  it('equals the definition: entropy rank of the eigenvalues of Σw⁻¹·Σb', () => {
    // Two images along one axis, and within-class noise of known covariance: one non-zero eigenvalue, so the shares are known.
    const features = matrix([
      [1, 1],
      [1, -1],
      [-1, 1],
      [-1, -1],
    ]);
    // Σb: means (±1, 0), ÷ (2 − 1): diag(2, 0). Σw: ÷ 2·(2 − 1): diag(0, 2) + δ. Eigenvalues 2/δ and 0, plus ε.
    const [delta, epsilon] = [0.5, 0.1];
    const within = new Matrix([
      [delta, 0],
      [0, 2 + delta],
    ]);
    const top = inverse(within)
      .mmul(
        new Matrix([
          [2, 0],
          [0, 0],
        ]),
      )
      .get(0, 0);
    const shares = [top + epsilon, epsilon].map((v) => v / (top + 2 * epsilon));
    const expected = Math.exp(-shares.reduce((sum, p) => sum + p * Math.log(p), 0));
    expect(lidar(features, { views: 2, delta, epsilon })).toBeCloseTo(expected, 12);
  });

  it('is at most min(dim, images − 1)', () => {
    expect(lidar(normals(40, 16, 1), { views: 10 })).toBeLessThanOrEqual(3.001);
    expect(lidar(normals(400, 4, 1), { views: 10 })).toBeLessThanOrEqual(4.001);
  });

  it('refuses rows that are no multiple of the views, one image and bad options', () => {
    expect(() => lidar(normals(11, 2, 1))).toThrow(/not a multiple of 10/);
    expect(() => lidar(normals(10, 2, 1))).toThrow(/at least 2/);
    expect(() => lidar(normals(10, 2, 1), { views: 1 })).toThrow(/views must be/);
  });
});
