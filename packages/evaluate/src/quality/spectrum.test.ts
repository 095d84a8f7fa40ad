import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrix, normals } from '../../test/data.js';
import { entropyRank, gram, participationRatio, spectra } from './spectrum.js';

const exampleC = matrix([
  [3, 0],
  [0, 1],
  [3, 0],
  [0, -1],
]);

describe('worked example C of spec "evaluation" (rank)', () => {
  it('singular values and RankMe', () => {
    const sigma = spectra(exampleC).singularValues;
    expect(sigma[0]).toBeCloseTo(4.242641, 6);
    expect(sigma[1]).toBeCloseTo(Math.SQRT2, 6);
    // The spec's value without and with 1e-5 added to the shares.
    expect(entropyRank(sigma, 0)).toBeCloseTo(1.754765, 6);
    expect(entropyRank(sigma, 1e-5)).toBeCloseTo(1.75476, 5);
  });

  it('covariance eigenvalues, effective rank and participation ratio', () => {
    const lambda = spectra(exampleC).covarianceEigenvalues;
    expect(lambda[0]).toBeCloseTo(3, 10);
    expect(lambda[1]).toBeCloseTo(2 / 3, 10);
    expect(entropyRank(lambda, 0)).toBeCloseTo(1.606631, 6);
    expect(participationRatio(lambda)).toBeCloseTo(1.423529, 6);
  });
});

describe('spectra', () => {
  it('of r orthonormal directions of equal energy have rank r', () => {
    const features = matrix([
      [2, 0, 0, 0],
      [0, -2, 0, 0],
      [0, 0, 2, 0],
    ]);
    expect(entropyRank(spectra(features).singularValues, 0)).toBeCloseTo(3, 8);
    expect(participationRatio(Float64Array.of(5, 5, 5, 0))).toBeCloseTo(3, 12);
  });

  it('keep the trace: Σσ² is the sum of squares of all entries', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 1, max: 7 }), fc.nat(1000), (rows, dim, seed) => {
        const features = normals(rows, dim, seed);
        const energy = features.data.reduce((sum, x) => sum + x * x, 0);
        const sigma = spectra(features).singularValues;
        expect(sigma).toHaveLength(Math.min(rows, dim));
        expect(sigma.reduce((sum, s) => sum + s * s, 0)).toBeCloseTo(energy, 5);
      }),
      { numRuns: 30 },
    );
  });

  it('gram equals its definition for any number of rows', () => {
    const features = matrix([
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
      [9, 10],
    ]);
    expect([...gram(features, Float64Array.of(1, 1))]).toEqual([120, 140, 140, 165]);
  });

  it('of a collapsed encoder have rank 0 when centred', () => {
    const collapsed = matrix([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    const lambda = spectra(collapsed).covarianceEigenvalues;
    expect(entropyRank(lambda)).toBe(0);
    expect(participationRatio(lambda)).toBe(0);
  });

  it('need two rows for a covariance', () => {
    expect(() => spectra(matrix([[1, 2]]))).toThrow(/at least 2/);
  });
});
