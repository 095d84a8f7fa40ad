import { describe, expect, it } from 'vitest';
import { meanInterval } from './intervals.js';
import { logGamma, studentCdf, studentQuantile } from './student.js';

describe('student', () => {
  it('has the quantiles of printed tables', () => {
    const table = [
      [1, 12.7062],
      [2, 4.30265],
      [4, 2.77645],
      [9, 2.26216],
      [30, 2.04227],
      [1000, 1.96234],
    ] as const;
    for (const [freedom, t] of table) expect(studentQuantile(0.975, freedom)).toBeCloseTo(t, 4);
    expect(studentQuantile(0.025, 4)).toBeCloseTo(-2.77645, 4);
  });

  it('equals the arctangent law at one degree of freedom', () => {
    for (const t of [-7, -0.3, 0, 0.5, 20]) expect(studentCdf(t, 1)).toBeCloseTo(0.5 + Math.atan(t) / Math.PI, 12);
  });

  it('logGamma gives logarithms of factorials', () => {
    let factorial = 1;
    for (let n = 1; n < 20; n++) {
      factorial *= n;
      expect(logGamma(n + 1)).toBeCloseTo(Math.log(factorial), 12);
    }
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 12);
  });
});

describe('meanInterval', () => {
  it('gives t·std/√n', () => {
    const { mean, std, halfWidth, count } = meanInterval([1, 2, 3]);
    expect([mean, std, count]).toEqual([2, 1, 3]);
    expect(halfWidth).toBeCloseTo(4.302653 / Math.sqrt(3), 5);
  });

  it('has no spread for one seed', () => {
    expect(meanInterval([0.9])).toEqual({ mean: 0.9, std: undefined, halfWidth: undefined, count: 1 });
  });

  it('refuses nothing and NaN', () => {
    expect(() => meanInterval([])).toThrow(/no value/);
    expect(() => meanInterval([1, Number.NaN])).toThrow(/NaN/);
  });
});
