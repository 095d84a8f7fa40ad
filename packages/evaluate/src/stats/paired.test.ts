import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mcnemar, pairedT } from './paired.js';

describe('mcnemar', () => {
  it('is an exact coin test on rows where one classifier is right', () => {
    const labels = Int32Array.of(1, 1, 1, 1, 1);
    const result = mcnemar(Int32Array.of(1, 1, 1, 1, 0), Int32Array.of(0, 0, 0, 1, 0), labels);
    expect(result).toMatchObject({ onlyFirst: 3, onlySecond: 0, difference: 3 / 5 });
    expect(result.pValue).toBeCloseTo(2 / 8, 12);
  });

  it('is 1 for equal classifiers and symmetric', () => {
    const classes = fc.array(fc.nat(3), { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(classes, classes, classes, (a, b, y) => {
        const [first, second, labels] = [a, b, y].map((v) => Int32Array.from(v)) as [
          Int32Array,
          Int32Array,
          Int32Array,
        ];
        expect(mcnemar(first, first, labels).pValue).toBe(1);
        expect(mcnemar(first, second, labels).pValue).toBeCloseTo(mcnemar(second, first, labels).pValue, 12);
        expect(mcnemar(first, second, labels).pValue).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('refuses lists of several lengths', () => {
    expect(() => mcnemar(Int32Array.of(1), Int32Array.of(1, 2), Int32Array.of(1))).toThrow(/1 and 2 predictions for 1/);
  });
});

describe('pairedT', () => {
  it('gives the p value of t = 2√3 with two degrees of freedom', () => {
    // P(|T| > t) at 2 degrees of freedom is 1 − t/√(2 + t²).
    const { difference, pValue } = pairedT([2, 4, 6], [1, 2, 3]);
    expect(difference).toMatchObject({ mean: 2, std: 1 });
    expect(pValue).toBeCloseTo(1 - Math.sqrt(12 / 14), 10);
  });

  it('handles constant differences', () => {
    expect(pairedT([1, 2], [1, 2]).pValue).toBe(1);
    expect(pairedT([2, 3], [1, 2]).pValue).toBe(0);
  });

  it('refuses unpaired lists', () => {
    expect(() => pairedT([1, 2], [1])).toThrow(/2 and 1 values/);
    expect(() => pairedT([1], [1])).toThrow(/length ≥ 2/);
  });
});
