import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { matrix, normals } from '../../test/data.js';
import { representationMetrics } from './representation.js';

describe('representationMetrics', () => {
  it('gives worked example C of spec "evaluation" in one object', async () => {
    const m = await representationMetrics(
      matrix([
        [3, 0],
        [0, 1],
        [3, 0],
        [0, -1],
      ]),
    );
    expect(m).toMatchObject({ rows: 4, dim: 2, alignment: undefined });
    expect(m.rankMe).toBeCloseTo(1.754765, 5);
    expect(m.effectiveRank).toBeCloseTo(1.606631, 6);
    expect(m.participationRatio).toBeCloseTo(1.423529, 6);
    expect(m.featureStd).toBeCloseTo(0.603553, 6);
    expect(m.condition).toBeCloseTo(4.5, 10);
    expect([...m.explainedVariance].map((v) => v.toFixed(4))).toEqual(['0.8182', '1.0000']);
  });

  it('shows dimensional collapse as an infinite condition and a cliff', async () => {
    const flat = normals(50, 4, 2);
    const data = flat.data.map((x, i) => (i % 4 === 3 ? 0 : x));
    const m = await representationMetrics({ ...flat, data });
    expect(m.condition).toBe(Number.POSITIVE_INFINITY);
    expect(m.explainedVariance[2]).toBeCloseTo(1, 12);
  });

  it('adds alignment where second views are given', async () => {
    const features = normals(10, 3, 1);
    expect((await representationMetrics(features, { positives: features })).alignment).toBe(0);
  });

  it('survives a collapsed encoder', async () => {
    const m = await representationMetrics(
      matrix([
        [1, 1],
        [1, 1],
        [1, 1],
      ]),
    );
    expect(m).toMatchObject({ effectiveRank: 0, participationRatio: 0, featureStd: 0 });
    expect(m.uniformity).toBeCloseTo(0, 5);
    expect([...m.explainedVariance]).toEqual([0, 0]);
  });

  it('refuses NaN', async () => {
    await expect(representationMetrics(matrix([[1], [Number.NaN]]))).rejects.toMatchObject({ code: 'NOT_FINITE' });
  });
});
