import { SslError } from '@contrastive/core';
import { type FeatureMatrix, type LabelledFeatures, requireFeatures, requireLabelled } from '../features.js';
import { rankOf } from '../knn/vote.js';
import { type Accuracy, accuracyOf } from '../stats/accuracy.js';
import { products64 } from './products.js';

/** A linear classifier: scores = f·W + b. */
export interface LinearClassifier {
  readonly dim: number;
  readonly classes: number;
  /** W, [dim, classes]. */
  readonly weights: Float64Array;
  /** b, [classes]. */
  readonly intercept: Float64Array;
}

export interface ClassifierScore {
  readonly predictions: Int32Array;
  readonly top1: Accuracy;
  /** `undefined` below 5 classes. */
  readonly top5: Accuracy | undefined;
}

/** Scores f·W + b in float64, [rows, classes]. @throws SslError `SHAPE_MISMATCH` if the columns do not fit, `NOT_FINITE`, `DATA`. */
export async function linearScores(classifier: LinearClassifier, features: FeatureMatrix): Promise<Float64Array> {
  requireFeatures('linearScores', 'features', features);
  if (features.dim !== classifier.dim) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `linearScores: the classifier was trained on ${classifier.dim} columns, the features have ${features.dim}.`,
    );
  }
  const { classes, weights, intercept } = classifier;
  const scores = await products64(features, new Float64Array(features.dim)).forward(weights, classes);
  for (let i = 0; i < scores.length; i++) scores[i]! += intercept[i % classes]!;
  return scores;
}

/** Softmax of {@link linearScores}, [rows, classes]. */
export async function linearProbabilities(
  classifier: LinearClassifier,
  features: FeatureMatrix,
): Promise<Float64Array> {
  const p = await linearScores(classifier, features);
  const { classes } = classifier;
  for (let first = 0; first < p.length; first += classes) {
    const row = p.subarray(first, first + classes);
    const max = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += row[c] = Math.exp(row[c]! - max);
    for (let c = 0; c < classes; c++) row[c]! /= sum;
  }
  return p;
}

/**
 * Top-1 and top-5 accuracy on a test set; ties go to the smallest class. Classes may be absent from the test set; a label that was
 * not trained counts as a mistake. @throws SslError as {@link linearScores}, `DATA` on missing labels.
 */
export async function scoreClassifier(classifier: LinearClassifier, test: LabelledFeatures): Promise<ClassifierScore> {
  requireLabelled('scoreClassifier', 'test', test);
  const scores = await linearScores(classifier, test);
  const { classes } = classifier;
  const predictions = new Int32Array(test.rows);
  let [correct, inTop5] = [0, 0];
  for (let i = 0; i < test.rows; i++) {
    const row = scores.subarray(i * classes, (i + 1) * classes);
    let best = 0;
    for (let c = 1; c < classes; c++) if (row[c]! > row[best]!) best = c;
    predictions[i] = best;
    const label = test.labels[i]!;
    if (best === label) correct++;
    if (label < classes && rankOf(row, label) < 5) inTop5++;
  }
  return {
    predictions,
    top1: accuracyOf(correct, test.rows),
    top5: classes >= 5 ? accuracyOf(inTop5, test.rows) : undefined,
  };
}
