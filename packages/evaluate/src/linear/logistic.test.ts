import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { clouds, labelled, matrix } from '../../test/data.js';
import type { LabelledFeatures } from '../features.js';
import { linearProbabilities, linearScores, scoreClassifier } from './classifier.js';
import { fitLogistic, type LogisticFit } from './logistic.js';

/** The objective of the spec, written down plainly. */
async function objectiveOf(fit: LogisticFit, train: LabelledFeatures): Promise<number> {
  const p = await linearProbabilities(fit, train);
  const loss = train.labels.reduce((sum, y, i) => sum - Math.log(p[i * fit.classes + y]!), 0) / train.rows;
  return loss + fit.weights.reduce((sum, w) => sum + w * w, 0) / (2 * fit.C * train.rows);
}

describe('fitLogistic', () => {
  const train = clouds(150, 5, 3, 0.6, 7);

  it('reaches an optimum: the reported objective is the plain one, and every nudge raises it', async () => {
    const fit = await fitLogistic(train, { C: 2, tolerance: 1e-9 });
    expect(fit.converged).toBe(true);
    expect(fit.objective).toBeCloseTo(await objectiveOf(fit, train), 10);
    for (const index of [0, 4, 9, 14]) {
      for (const nudge of [-1e-3, 1e-3]) {
        const weights = fit.weights.slice();
        weights[index]! += nudge;
        expect(await objectiveOf({ ...fit, weights }, train)).toBeGreaterThan(fit.objective);
      }
    }
    for (const nudge of [-1e-3, 1e-3]) {
      const intercept = fit.intercept.map((b, c) => (c === 1 ? b + nudge : b));
      expect(await objectiveOf({ ...fit, intercept }, train)).toBeGreaterThan(fit.objective);
    }
  });

  it('with two classes gives opposite columns (the sigmoid at C/2) and intercepts of mean zero', async () => {
    const fit = await fitLogistic(clouds(60, 3, 2, 0.5, 2), { tolerance: 1e-9 });
    for (let j = 0; j < 3; j++) expect(fit.weights[2 * j]! + fit.weights[2 * j + 1]!).toBeCloseTo(0, 7);
    expect(fit.intercept[0]! + fit.intercept[1]!).toBeCloseTo(0, 12);
  });

  it('does not change when all features are shifted, but for the intercept', async () => {
    const shifted = { ...train, data: train.data.map((x) => x + 64) };
    const [a, b] = [await fitLogistic(train, { tolerance: 1e-6 }), await fitLogistic(shifted, { tolerance: 1e-6 })];
    a.weights.forEach((w, i) => {
      expect(b.weights[i]).toBeCloseTo(w, 3);
    });
  });

  it('reaches 100 % on one-hot features, and permutes with the classes', async () => {
    const oneHot = labelled(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      [2, 0, 1],
    );
    const fit = await fitLogistic(oneHot);
    expect((await scoreClassifier(fit, oneHot)).top1.value).toBe(1);
    const renamed = { ...oneHot, labels: oneHot.labels.map((y) => (y + 1) % 3) };
    const other = await scoreClassifier(await fitLogistic(renamed), renamed);
    expect([...other.predictions]).toEqual([...renamed.labels]);
  });

  it('gives the same optimum when products run on the tensor backend, and frees its tensors', async () => {
    // 9000 × 40 × 60 is above the size up to which all of it runs in float64, and spans two blocks.
    const big = clouds(9000, 40, 60, 0.35, 3);
    const before = tf.memory().numTensors;
    const fit = await fitLogistic(big, { C: 0.01, tolerance: 1e-5 });
    expect(tf.memory().numTensors).toBe(before);
    expect(fit.converged).toBe(true);
    expect(fit.gradientMax).toBeLessThanOrEqual(1e-5);
    expect(fit.objective).toBeCloseTo(await objectiveOf(fit, big), 8);
  });

  it('fits without intercept if asked', async () => {
    const fit = await fitLogistic(train, { fitIntercept: false });
    expect([...fit.intercept]).toEqual([0, 0, 0]);
    expect(fit.converged).toBe(true);
  });

  it('says that it did not converge where the limit came first', async () => {
    expect(await fitLogistic(train, { maxIterations: 1 })).toMatchObject({ converged: false, iterations: 1 });
  });

  it('copes with a class that has no rows', async () => {
    const gap = { ...train, labels: train.labels.map((y) => (y === 2 ? 3 : y)) };
    const fit = await fitLogistic(gap, { maxIterations: 200 });
    expect(fit.classes).toBe(4);
    expect((await scoreClassifier(fit, gap)).predictions).not.toContain(2);
  });

  it('refuses one class, missing labels, NaN and bad options', async () => {
    await expect(fitLogistic(labelled([[1], [2]], [1, 1]))).rejects.toThrow(/all 2 training labels are 1/);
    await expect(fitLogistic({ ...train, labels: Int32Array.of(1) })).rejects.toMatchObject({ code: 'DATA' });
    await expect(fitLogistic(labelled([[1], [Number.NaN]], [0, 1]))).rejects.toMatchObject({ code: 'NOT_FINITE' });
    await expect(fitLogistic(train, { C: 0 })).rejects.toThrow(/C must be a number > 0/);
  });
});

describe('scoreClassifier', () => {
  const classifier = { dim: 1, classes: 6, weights: Float64Array.of(1, 2, 3, 4, 5, 6), intercept: new Float64Array(6) };

  it('gives top-1 and top-5 for a test set that lacks classes, and counts unknown labels as mistakes', async () => {
    const score = await scoreClassifier(classifier, labelled([[1], [1], [1], [1]], [5, 1, 0, 9]));
    expect(score.top1).toMatchObject({ correct: 1, total: 4 });
    expect(score.top5).toMatchObject({ correct: 2, total: 4 });
  });

  it('refuses features of another width and missing labels', async () => {
    await expect(linearScores(classifier, matrix([[1, 2]]))).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
    await expect(scoreClassifier(classifier, labelled([[1]], []))).rejects.toMatchObject({ code: 'DATA' });
  });

  it('has no top-5 below five classes', async () => {
    const two = { dim: 1, classes: 2, weights: Float64Array.of(1, -1), intercept: new Float64Array(2) };
    expect((await scoreClassifier(two, labelled([[1]], [0]))).top5).toBeUndefined();
  });
});
