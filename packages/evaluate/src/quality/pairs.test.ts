import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atAngles, matrix, normals } from '../../test/data.js';
import { unitRows } from '../features.js';
import { alignment, featureStd, pairStatistics } from './pairs.js';

describe('worked example B of spec "evaluation"', () => {
  const features = matrix(atAngles(0, 90, 180));

  it('alignment', () => {
    expect(alignment(features, matrix(atAngles(20, 100, 170)))).toBeCloseTo(0.060461, 6);
  });

  it('uniformity: ln mean(e⁻⁴, e⁻⁸, e⁻⁴)', async () => {
    const { uniformity, meanAbsCosine } = await pairStatistics(features);
    expect(uniformity).toBeCloseTo(-4.396349, 5);
    expect(meanAbsCosine).toBeCloseTo(1 / 3, 6);
  });
});

describe('pairStatistics', () => {
  it('is 0 and 1 for one repeated point', async () => {
    const { uniformity, meanAbsCosine } = await pairStatistics(
      matrix([
        [2, 1],
        [4, 2],
        [6, 3],
      ]),
    );
    expect(uniformity).toBeCloseTo(0, 5);
    expect(meanAbsCosine).toBeCloseTo(1, 6);
  });

  it('equals its definition and frees its tensors', async () => {
    const features = normals(25, 4, 3);
    const u = unitRows(features).data;
    let [potential, cosines] = [0, 0];
    for (let i = 0; i < 25; i++) {
      for (let j = 0; j < 25; j++) {
        if (i === j) continue;
        const cosine = [0, 1, 2, 3].reduce((sum, d) => sum + u[i * 4 + d]! * u[j * 4 + d]!, 0);
        potential += Math.exp(-3 * (2 - 2 * cosine)) / (25 * 24);
        cosines += Math.abs(cosine) / (25 * 24);
      }
    }
    const before = tf.memory().numTensors;
    const found = await pairStatistics(features, 3);
    expect(tf.memory().numTensors).toBe(before);
    expect(found.uniformity).toBeCloseTo(Math.log(potential), 5);
    expect(found.meanAbsCosine).toBeCloseTo(cosines, 6);
  });

  it('covers every pair once when the rows do not fit one chunk', async () => {
    // 2300² products are more than one chunk holds. Half the rows at a right angle to the other half: a row equals 1149 of the 2299 others.
    const rows = Array.from({ length: 2300 }, (_, i) => (i % 2 === 0 ? [1, 0] : [0, 1]));
    const { meanAbsCosine } = await pairStatistics(matrix(rows));
    expect(meanAbsCosine).toBeCloseTo((2 * 1150 * 1149) / (2300 * 2299), 12);
  });

  it('is about −2t for a uniform cloud in many dimensions', async () => {
    expect((await pairStatistics(normals(200, 256, 5))).uniformity).toBeCloseTo(-4, 1);
  });

  it('needs two rows', async () => {
    await expect(pairStatistics(matrix([[1, 2]]))).rejects.toMatchObject({ code: 'DATA' });
  });
});

describe('alignment', () => {
  it('is 0 for equal views, symmetric, blind to scale and at most 4', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.double({ min: 0.01, max: 100, noNaN: true }), (seed, scale) => {
        const [a, b] = [normals(6, 3, seed), normals(6, 3, seed + 1)];
        const scaled = { ...a, data: a.data.map((x) => x * scale) };
        expect(alignment(a, scaled)).toBeCloseTo(0, 5);
        expect(alignment(a, b)).toBeCloseTo(alignment(b, scaled), 4);
        expect(alignment(a, b)).toBeLessThanOrEqual(4);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses views of two sizes', () => {
    expect(() => alignment(matrix([[1]]), matrix([[1], [2]]))).toThrow(/row i must belong to row i/);
  });
});

describe('featureStd', () => {
  it('gives the mean of (0.5, 0.707107) of worked example C', () => {
    expect(
      featureStd(
        matrix([
          [3, 0],
          [0, 1],
          [3, 0],
          [0, -1],
        ]),
      ),
    ).toBeCloseTo(0.603553, 6);
  });
  it('is about 1/√dim for a healthy cloud', () => {
    expect(featureStd(normals(400, 64, 1))).toBeCloseTo(1 / 8, 2);
  });
});
