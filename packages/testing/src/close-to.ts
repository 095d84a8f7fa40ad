import type * as tf from '@tensorflow/tfjs-core';

type Values = tf.Tensor | ArrayLike<number> | number;

/** All values of a tensor or list, in row-major order. */
export function valuesOf(given: Values): number[] {
  if (typeof given === 'number') return [given];
  return Array.from('dataSync' in given ? given.dataSync() : given);
}

export interface Closeness {
  /** Share of the largest expected magnitude. Default 1e-5. */
  readonly rel?: number;
  /** Default 1e-6. */
  readonly abs?: number;
}

/**
 * Throws unless  max|actual − expected| ≤ rel · max|expected| + abs,  with the place and both values of the worst entry.
 * NaN is never close.
 */
export function expectClose(actual: Values, expected: Values, { rel = 1e-5, abs = 1e-6 }: Closeness = {}): void {
  const [a, e] = [valuesOf(actual), valuesOf(expected)];
  if (a.length !== e.length) throw new Error(`${a.length} values were given, expected ${e.length}.`);
  const allowed = rel * e.reduce((max, v) => Math.max(max, Math.abs(v)), 0) + abs;
  const worst = a.reduce((at, _, i) => (gap(a[i]!, e[i]!) > gap(a[at]!, e[at]!) ? i : at), 0);
  if (a.length > 0 && gap(a[worst]!, e[worst]!) > allowed) {
    throw new Error(`Entry ${worst} is ${a[worst]}, expected ${e[worst]} ± ${allowed}.`);
  }
}

const gap = (a: number, e: number): number => (Number.isNaN(a - e) ? (a === e ? 0 : Infinity) : Math.abs(a - e));
