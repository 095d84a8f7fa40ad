import { SslError } from '@contrastive/core';
import { studentQuantile } from './student.js';

/** A mean over seeds with its 95 % interval. */
export interface MeanInterval {
  readonly mean: number;
  /** Sample standard deviation (÷ n − 1); `undefined` for one value. */
  readonly std: number | undefined;
  /** t₀.₉₇₅(n − 1)·std/√n; `undefined` for one value: one run says nothing about the spread. */
  readonly halfWidth: number | undefined;
  readonly count: number;
}

/**
 * Mean ± half-width of the 95 % Student interval.
 *
 * @param values one number a seed, ≥ 1. @throws SslError `DATA` if empty; `NOT_FINITE`.
 * @example meanInterval([1, 2, 3]) // mean 2, std 1, halfWidth 4.302653·1/√3 = 2.484138
 */
export function meanInterval(values: readonly number[]): MeanInterval {
  const count = values.length;
  if (count === 0) throw new SslError('DATA', 'meanInterval: no value was given.');
  const bad = values.find((v) => !Number.isFinite(v));
  if (bad !== undefined) throw new SslError('NOT_FINITE', `meanInterval: one value is ${bad}.`);
  const mean = values.reduce((a, b) => a + b, 0) / count;
  if (count === 1) return { mean, std: undefined, halfWidth: undefined, count };
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (count - 1));
  return { mean, std, halfWidth: (studentQuantile(0.975, count - 1) * std) / Math.sqrt(count), count };
}
