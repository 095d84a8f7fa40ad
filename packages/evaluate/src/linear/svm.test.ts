import { describe, expect, it } from 'vitest';
import { clouds, labelled, matrix, normals } from '../../test/data.js';
import { fitSvm, lowShotSvm, normalizeForSvm, oneVsRest, type SvmFit, svmScores } from './svm.js';

describe('fitSvm', () => {
  it('solves one positive and one negative by hand', async () => {
    // f = ±1, C = 1/2, positive weight 2. With w, b: ½(w² + b²) + 1·(1 − w − b)² + ½·(1 − w + b)².
    // Zero slope: w − 2(1 − w − b) − (1 − w + b) = 0 and b − 2(1 − w − b) + (1 − w + b) = 0, so 4w + b = 3 and w + 4b = 1.
    const fit = await fitSvm(matrix([[1], [-1]]), [1, -1]);
    expect(fit.weights[0]).toBeCloseTo(11 / 15, 6);
    expect(fit.bias).toBeCloseTo(1 / 15, 6);
    expect(fit.converged).toBe(true);
  });

  it('is at the optimum: every nudge raises the objective', async () => {
    const features = normals(40, 3, 1);
    const targets = Array.from({ length: 40 }, (_, i) =>
      features.data[3 * i]! + features.data[3 * i + 1]! > 0.5 ? 1 : -1,
    );
    const fit = await fitSvm(features, targets, { C: 2, positiveWeight: 3 });
    const objective = async (f: SvmFit) => {
      const scores = await svmScores(f, features);
      const hinge = targets.reduce((sum, y, i) => sum + (y > 0 ? 3 : 1) * Math.max(0, 1 - y * scores[i]!) ** 2, 0);
      return (f.weights.reduce((sum, w) => sum + w * w, 0) + f.bias ** 2) / 2 + 2 * hinge;
    };
    expect(await objective(fit)).toBeCloseTo(fit.objective, 10);
    for (const nudge of [-1e-3, 1e-3]) {
      expect(await objective({ ...fit, bias: fit.bias + nudge })).toBeGreaterThan(fit.objective);
      const weights = fit.weights.map((w, j) => (j === 1 ? w + nudge : w));
      expect(await objective({ ...fit, weights })).toBeGreaterThan(fit.objective);
    }
  });

  it('refuses one sign, other targets, two lengths and bad options', async () => {
    await expect(fitSvm(matrix([[1], [2]]), [1, 1])).rejects.toThrow(/both signs/);
    await expect(fitSvm(matrix([[1], [2]]), [1, 0])).rejects.toThrow(/target 1 is 0/);
    await expect(fitSvm(matrix([[1], [2]]), [1])).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
    await expect(fitSvm(matrix([[1], [2]]), [1, -1], { C: -1 })).rejects.toThrow(/C must be/);
    await expect(fitSvm(matrix([[1], [Number.NaN]]), [1, -1])).rejects.toMatchObject({ code: 'NOT_FINITE' });
  });
});

describe('lowShotSvm', () => {
  const train = oneVsRest(clouds(120, 8, 4, 1.5, 3), 4);
  const test = oneVsRest(clouds(80, 8, 4, 1.5, 3), 4);

  it('learns separated clouds, better with more shots, the same for the same seed', async () => {
    const results = await lowShotSvm(train, test, { shots: [1, 8, 'full'], draws: 3 });
    expect(results.map((r) => r.maps.length)).toEqual([3, 3, 1]);
    expect(results[1]!.map.mean).toBeGreaterThan(results[0]!.map.mean);
    expect(results[2]!.map.mean).toBeGreaterThan(0.95);
    expect(await lowShotSvm(train, test, { shots: [1, 8, 'full'], draws: 3 })).toEqual(results);
    const other = await lowShotSvm(train, test, { shots: [1], draws: 3, seed: 1 });
    expect(other[0]!.maps).not.toEqual(results[0]!.maps);
  });

  it('leaves out targets 0 in training and test, and classes absent from the test set', async () => {
    const targets = test.targets.map((t, i) => (i % 4 === 2 ? -1 : i % 4 === 3 && t === -1 ? 0 : t));
    const [result] = await lowShotSvm(train, { ...test, targets }, { shots: ['full'] });
    expect(result!.map.mean).toBeGreaterThan(0.95);
    expect(result!.map.halfWidth).toBeUndefined();
  });

  it('refuses more shots than positives, targets that do not fit, and an empty test set', async () => {
    await expect(lowShotSvm(train, test, { shots: [31] })).rejects.toThrow(/class 0 has 30 positives/);
    await expect(lowShotSvm({ ...train, targets: new Int8Array(3) }, test)).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
    });
    const empty = { ...test, targets: test.targets.map(() => -1) };
    await expect(lowShotSvm(train, empty, { shots: [1] })).rejects.toThrow(/no class has a positive test image/);
    await expect(lowShotSvm(train, test, { shots: [0] })).rejects.toThrow(/shots must be/);
    expect(() => oneVsRest(labelled([[1]], [4]), 4)).toThrow(/label 4, of 4/);
  });
});

describe('normalizeForSvm', () => {
  it('divides by norm + 1e-5', () => {
    expect(normalizeForSvm(matrix([[3, 4]])).data[0]).toBeCloseTo(3 / 5.00001, 7);
  });
});
