import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Series } from './series.js';

describe('Series', () => {
  it('keeps everything while it fits', () => {
    const series = new Series(8);
    for (let i = 1; i <= 5; i++) series.add(i, [i * i]);
    expect(series.points.map(({ step, values: [v] }) => [step, v])).toEqual([
      [1, 1],
      [2, 4],
      [3, 9],
      [4, 16],
      [5, 25],
    ]);
  });

  it('averages neighbours when it is full, and never holds more than its capacity', () => {
    const series = new Series(4);
    for (let i = 1; i <= 6; i++) series.add(i, [i]);
    // Full at 4 points: (1, 2) and (3, 4) merge; from then on two steps make a point.
    expect(series.points.map(({ step, values: [v] }) => [step, v])).toEqual([
      [1.5, 1.5],
      [3.5, 3.5],
      [5.5, 5.5],
    ]);
  });

  it('is bounded for any length, with steps in order and values between the extremes', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1, maxLength: 300 }), (values) => {
        const series = new Series(16);
        for (const [i, v] of values.entries()) series.add(i, [v]);
        const { points } = series;
        expect(points.length).toBeLessThanOrEqual(16);
        for (let i = 1; i < points.length; i++) expect(points[i]!.step).toBeGreaterThan(points[i - 1]!.step);
        const low = Math.min(...values) - 1e-9;
        const high = Math.max(...values) + 1e-9;
        for (const {
          values: [v],
        } of points)
          expect(v! >= low && v! <= high).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('leaves out what is not finite or of another length', () => {
    const series = new Series(8);
    series.add(1, [1, 2]);
    series.add(2, [Number.NaN, 2]);
    series.add(3, [1]);
    expect(series.points).toHaveLength(1);
    expect(series.last).toEqual({ step: 1, values: [1, 2] });
  });

  it('has a tail from three points on: the mean of the last tenth', () => {
    const series = new Series(64);
    for (const v of [9, 1]) series.add(v, [v]);
    expect(series.tail()).toBeUndefined();
    for (let i = 0; i < 48; i++) series.add(10 + i, [i]);
    expect(series.tail()).toBeCloseTo((43 + 44 + 45 + 46 + 47) / 5, 12);
  });
});
