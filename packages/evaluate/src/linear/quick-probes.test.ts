import { describe, expect, it } from 'vitest';
import { atAngles, clouds, labelled } from '../../test/data.js';
import { scoreClassifier } from './classifier.js';
import { fitRidge, nearestClassMean } from './quick-probes.js';

describe('fitRidge', () => {
  const train = clouds(100, 6, 4, 1.5, 3);

  it('solves the penalised normal equations', async () => {
    // One feature ±1 in equal numbers, centred: XᵀX = n, XᵀY = ±n/2, v = n, so W = ±(1/2)/(1 + λ) and b = 1/2.
    const two = labelled([[1], [-1], [1], [-1], [1], [-1]], [0, 1, 0, 1, 0, 1]);
    const fit = await fitRidge(two, { lambdas: [0.25] });
    expect([...fit.weights].map((w) => w.toFixed(9))).toEqual(['0.400000000', '-0.400000000']);
    expect([...fit.intercept].map((b) => b.toFixed(9))).toEqual(['0.500000000', '0.500000000']);
  });

  it('classifies separated clouds, with a strength chosen by cross-validation', async () => {
    const fit = await fitRidge(train);
    expect(fit.accuracies).toHaveLength(6);
    const best = Math.max(...fit.accuracies.map((a) => a.accuracy));
    expect(fit.accuracies.find((a) => a.lambda === fit.lambda)!.accuracy).toBe(best);
    expect((await scoreClassifier(fit, train)).top1.value).toBeGreaterThan(0.9);
    expect(await fitRidge(train)).toEqual(fit);
  });

  it('copes with constant and repeated features', async () => {
    const same = labelled(
      Array.from({ length: 10 }, () => [1, 1]),
      [0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
    );
    expect([...(await fitRidge(same)).weights].every(Number.isFinite)).toBe(true);
    const doubled = labelled(
      Array.from({ length: 10 }, (_, i) => [i % 2, i % 2]),
      [0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
    );
    expect((await scoreClassifier(await fitRidge(doubled, { lambdas: [0] }), doubled)).top1.value).toBe(1);
  });

  it('refuses one class, too few rows and bad strengths', async () => {
    await expect(fitRidge(labelled([[1], [2]], [0, 0]))).rejects.toMatchObject({ code: 'DATA' });
    await expect(fitRidge(labelled([[1], [2]], [0, 1]))).rejects.toThrow(/2 rows make no 5 folds/);
    await expect(fitRidge(train, { lambdas: [-1] })).rejects.toThrow(/lambda must be/);
    await expect(fitRidge(train, { lambdas: [] })).rejects.toThrow(/at least once/);
  });
});

describe('nearestClassMean', () => {
  it('goes by angle, not by length', async () => {
    const train = labelled(
      [...atAngles(0, 20), ...atAngles(80, 100).map(([x, y]) => [50 * x!, 50 * y!])],
      [0, 0, 2, 2],
    );
    const score = await scoreClassifier(nearestClassMean(train), labelled(atAngles(49, 51, 300), [0, 2, 0]));
    // Means at 10° and 90°: the border is at 50°. Class 1 has no rows and never wins.
    expect([...score.predictions]).toEqual([0, 2, 0]);
  });

  it('refuses one class', () => {
    expect(() => nearestClassMean(labelled([[1], [2]], [1, 1]))).toThrow(/two classes/);
  });
});
