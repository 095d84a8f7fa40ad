import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { averagePrecision, meanAveragePrecision, precisionRecall } from './average-precision.js';

const scores = [0.9, 0.8, 0.7, 0.6, 0.5];
const labels = [1, 0, 1, 1, 0];

describe('averagePrecision', () => {
  it('gives worked example D of spec "evaluation" under every rule', () => {
    expect(averagePrecision(scores, labels)).toBeCloseTo(0.833333, 6);
    expect(averagePrecision(scores, labels, 'elevenPoint')).toBeCloseTo(0.840909, 6);
    expect(averagePrecision(scores, labels, 'point101')).toBeCloseTo(0.834158, 6);
    expect(averagePrecision(scores, labels, 'step')).toBeCloseTo(0.805556, 6);
    const { precision, recall } = precisionRecall(scores, labels);
    expect([...precision]).toEqual([1, 1 / 2, 2 / 3, 3 / 4, 3 / 5]);
    expect([...recall]).toEqual([1 / 3, 1 / 3, 2 / 3, 1, 1]);
  });

  it('takes −1 as absent, as VOC files write it', () => {
    expect(averagePrecision(scores, [1, -1, 1, 1, -1])).toBe(averagePrecision(scores, labels));
  });

  it('takes equal scores together under the step rule', () => {
    // One step over both: precision 1/2 at recall 1, in either order.
    expect(averagePrecision([1, 1], [1, 0], 'step')).toBe(0.5);
    expect(averagePrecision([1, 1], [0, 1], 'step')).toBe(0.5);
  });

  const ranking = fc.array(fc.tuple(fc.double({ min: -9, max: 9, noNaN: true }), fc.boolean()), {
    minLength: 1,
    maxLength: 30,
  });

  it('is 1 for a perfect ranking, at most 1 for any, and only the order of scores counts', () => {
    fc.assert(
      fc.property(ranking, (rows) => {
        const y = rows.map(([, positive], i) => (positive || i === 0 ? 1 : 0));
        const s = rows.map(([score]) => score);
        for (const rule of ['allPoint', 'step', 'elevenPoint', 'point101'] as const) {
          expect(averagePrecision(y, y, rule)).toBeCloseTo(1, 12);
          const ap = averagePrecision(s, y, rule);
          expect(ap).toBeGreaterThan(0);
          expect(ap).toBeLessThanOrEqual(1 + 1e-12);
          expect(
            averagePrecision(
              s.map((v) => 3 * v),
              y,
              rule,
            ),
          ).toBeCloseTo(ap, 12);
        }
        // With distinct scores (7919 is prime to 31), making the curve monotone can only add area.
        const distinct = y.map((_, i) => (i * 7919) % 31);
        expect(averagePrecision(distinct, y)).toBeGreaterThanOrEqual(averagePrecision(distinct, y, 'step') - 1e-12);
      }),
    );
  });

  it('refuses no positives, two lengths and scores that are not finite', () => {
    expect(() => averagePrecision([1, 2], [0, 0])).toThrow(/none of 2 labels is positive/);
    expect(() => averagePrecision([1], [1, 0])).toThrow(/1 scores, but 2 labels/);
    expect(() => averagePrecision([1, Number.NaN], [1, 0])).toThrow(/score 1 is NaN/);
  });
});

describe('meanAveragePrecision', () => {
  it('leaves out classes without positives', () => {
    expect(
      meanAveragePrecision([
        { scores, labels },
        { scores, labels: [0, 0, 0, 0, 0] },
      ]),
    ).toBeCloseTo(0.833333, 6);
    expect(() => meanAveragePrecision([{ scores, labels: [0, 0, 0, 0, 0] }])).toThrow(/no class/);
  });
});
