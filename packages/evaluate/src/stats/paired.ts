import { SslError } from '@contrastive/core';
import { type MeanInterval, meanInterval } from './intervals.js';
import { logGamma, studentCdf } from './student.js';

export interface McnemarResult {
  /** Test rows that only the first classifier has right; only the second. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Accuracy of the first − that of the second. */
  readonly difference: number;
  /** Two-sided. Small: the classifiers differ by more than the choice of test rows explains. */
  readonly pValue: number;
}

/**
 * Exact McNemar test: two classifiers on the same test rows. Under equal accuracy the rows on which one is right and the other wrong
 * are fair coins, so p = 2·P(Binomial(n, ½) ≤ min), at most 1.
 *
 * It covers the draw of the test set only, not that of the training seed.
 *
 * @throws SslError `DATA` unless all three have the same length ≥ 1.
 * @example 3 rows only first right, 0 only second: p = 2·(1/8) = 0.25.
 */
export function mcnemar(first: Int32Array, second: Int32Array, labels: Int32Array): McnemarResult {
  const n = labels.length;
  if (n === 0 || first.length !== n || second.length !== n) {
    throw new SslError(
      'DATA',
      `mcnemar: ${first.length} and ${second.length} predictions for ${n} labels; all must be as many, ≥ 1.`,
    );
  }
  let [onlyFirst, onlySecond] = [0, 0];
  for (let i = 0; i < n; i++) {
    const [a, b] = [first[i] === labels[i], second[i] === labels[i]];
    if (a && !b) onlyFirst++;
    if (b && !a) onlySecond++;
  }
  const pValue = Math.min(1, 2 * coinTail(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond));
  return { onlyFirst, onlySecond, difference: (onlyFirst - onlySecond) / n, pValue };
}

/** P(Binomial(n, ½) ≤ k). */
function coinTail(k: number, n: number): number {
  let sum = 0;
  for (let i = 0; i <= k; i++) {
    sum += Math.exp(logGamma(n + 1) - logGamma(i + 1) - logGamma(n - i + 1) - n * Math.LN2);
  }
  return sum;
}

export interface PairedTResult {
  /** Of first − second. */
  readonly difference: MeanInterval;
  /** Two-sided; 1 if all differences are 0, 0 if they are all the same other number. */
  readonly pValue: number;
}

/**
 * Paired t test: two methods on the same seeds (or data splits), value i with value i.
 *
 * @throws SslError `DATA` unless both have the same length ≥ 2.
 * @example differences 1, 2, 3: t = 2/(1/√3) = 3.4641, 2 degrees of freedom, p = 0.0742.
 */
export function pairedT(first: readonly number[], second: readonly number[]): PairedTResult {
  if (first.length !== second.length || first.length < 2) {
    throw new SslError(
      'DATA',
      `pairedT: ${first.length} and ${second.length} values; two lists of the same length ≥ 2 are needed.`,
    );
  }
  const difference = meanInterval(first.map((v, i) => v - second[i]!));
  const { mean, std, count } = difference;
  if (std === 0) return { difference, pValue: mean === 0 ? 1 : 0 };
  const t = Math.abs(mean) / (std! / Math.sqrt(count));
  return { difference, pValue: 2 * studentCdf(-t, count - 1) };
}
