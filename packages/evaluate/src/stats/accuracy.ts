import { SslError } from '@contrastive/core';

/** A share of correct answers with its binomial 95 % uncertainty. */
export interface Accuracy {
  readonly correct: number;
  readonly total: number;
  /** correct / total, in [0, 1]. */
  readonly value: number;
  /** 1.96·√(p(1 − p)/n): differences below it mean nothing (spec "evaluation" section 10). */
  readonly halfWidth: number;
  /** Wilson interval, which stays inside [0, 1] and is right near 0 and 1 too. */
  readonly interval: readonly [low: number, high: number];
}

/** z of a two-sided 95 % interval, as the spec rounds it. */
const Z = 1.96;

/** @throws SslError `DATA` unless 0 ≤ correct ≤ total and total ≥ 1, both integers. */
export function accuracyOf(correct: number, total: number): Accuracy {
  if (!(Number.isInteger(correct) && Number.isInteger(total) && total >= 1 && correct >= 0 && correct <= total)) {
    throw new SslError('DATA', `accuracyOf: ${correct} correct of ${total} is not a share of a positive whole number.`);
  }
  const value = correct / total;
  return {
    correct,
    total,
    value,
    halfWidth: Z * Math.sqrt((value * (1 - value)) / total),
    interval: wilsonInterval(correct, total),
  };
}

/**
 * Wilson score interval (Wilson 1927): all p with |p̂ − p| ≤ z·√(p(1 − p)/n).
 *
 * @param z default 1.96 (95 %). @example wilsonInterval(7, 10) // [0.3968, 0.8922]
 */
export function wilsonInterval(correct: number, total: number, z = Z): [low: number, high: number] {
  const p = correct / total;
  const shrink = 1 + z ** 2 / total;
  const centre = (p + z ** 2 / (2 * total)) / shrink;
  const half = (z / shrink) * Math.sqrt((p * (1 - p)) / total + z ** 2 / (4 * total ** 2));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** Compares predictions with labels. @throws SslError `DATA` if they differ in number. */
export function scorePredictions(predictions: Int32Array, labels: Int32Array): Accuracy {
  if (predictions.length !== labels.length) {
    throw new SslError('DATA', `scorePredictions: ${predictions.length} predictions, but ${labels.length} labels.`);
  }
  let correct = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) correct++;
  return accuracyOf(correct, labels.length);
}
