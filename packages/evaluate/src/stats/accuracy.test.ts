import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accuracyOf, scorePredictions, wilsonInterval } from './accuracy.js';

describe('accuracyOf', () => {
  it('gives the half-widths of the spec at p = 0.7', () => {
    expect(accuracyOf(700, 1000).halfWidth).toBeCloseTo(0.0284, 4);
    expect(accuracyOf(3500, 5000).halfWidth).toBeCloseTo(0.0127, 4);
    expect(accuracyOf(7000, 10_000).halfWidth).toBeCloseTo(0.00898, 5);
  });

  it('refuses what is not a share', () => {
    expect(() => accuracyOf(2, 1)).toThrow(/2 correct of 1/);
    expect(() => accuracyOf(0, 0)).toThrow();
    expect(() => accuracyOf(0.5, 1)).toThrow();
  });
});

describe('wilsonInterval', () => {
  it('solves |p̂ − p| = z·√(p(1 − p)/n) at both ends', () => {
    for (const p of wilsonInterval(7, 10)) {
      expect(Math.abs(0.7 - p)).toBeCloseTo(1.96 * Math.sqrt((p * (1 - p)) / 10), 10);
    }
  });

  it('stays inside [0, 1], holds the share and is not empty at the ends', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, share) => {
        const correct = Math.round(share * n);
        const [low, high] = wilsonInterval(correct, n);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(correct / n + 1e-12);
        expect(high).toBeGreaterThanOrEqual(correct / n - 1e-12);
        expect(high - low).toBeGreaterThan(0);
      }),
    );
  });
});

describe('scorePredictions', () => {
  it('counts equal entries', () => {
    expect(scorePredictions(Int32Array.of(1, 2, 3, 4), Int32Array.of(1, 0, 3, 0)).value).toBe(0.5);
  });
  it('refuses lists of two lengths', () => {
    expect(() => scorePredictions(Int32Array.of(1), Int32Array.of(1, 2))).toThrow(/1 predictions, but 2 labels/);
  });
});
