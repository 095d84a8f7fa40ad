import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Box, boxIou, type Detection, detectionAp, type GroundTruth, type Mask, maskIou } from './detection.js';

const truth = (image: number, region: Box, label = 0): GroundTruth => ({ image, label, region });
const found = (image: number, region: Box, score: number, label = 0): Detection => ({ image, label, region, score });

describe('boxIou and maskIou', () => {
  it('divide the shared area by the joint one', () => {
    expect(boxIou([0, 0, 10, 10], [5, 0, 15, 10])).toBeCloseTo(50 / 150, 12);
    expect(boxIou([0, 0, 10, 10], [20, 0, 30, 10])).toBe(0);
    expect(boxIou([0, 0, 0, 0], [0, 0, 0, 0])).toBe(0);
    expect(maskIou(Uint8Array.of(1, 1, 0, 0), Uint8Array.of(0, 1, 1, 0))).toBeCloseTo(1 / 3, 12);
    expect(maskIou(Uint8Array.of(0, 0), Uint8Array.of(0, 0))).toBe(0);
    expect(() => maskIou(Uint8Array.of(0), Uint8Array.of(0, 0))).toThrow(/1 and 2 pixels/);
  });
});

describe('detectionAp', () => {
  it('is 1 for the objects themselves, 0 for nothing found', () => {
    const box = fc.tuple(fc.nat(50), fc.nat(50), fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }));
    fc.assert(
      fc.property(fc.uniqueArray(box, { minLength: 1, maxLength: 6, selector: String }), (boxes) => {
        const objects = boxes.map(([x, y, w, h], i) => truth(i % 2, [x, y, x + w, y + h], i % 3));
        const all = detectionAp(
          objects,
          objects.map((g, i) => ({ ...g, score: 1 - i / 10 })),
        );
        expect(all.ap50).toBeCloseTo(1, 12);
        expect(detectionAp(objects, []).ap).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('averages over thresholds: a box of IoU 0.72 is right up to .70', () => {
    const { ap, ap50, ap75 } = detectionAp([truth(0, [0, 0, 100, 100])], [found(0, [0, 0, 100, 72], 0.9)]);
    expect([ap50, ap75]).toEqual([1, 0]);
    expect(ap).toBeCloseTo(5 / 10, 12);
  });

  it('counts a second detection of one object as wrong, and a wrong one behind as harmless', () => {
    const objects = [truth(0, [0, 0, 10, 10]), truth(0, [50, 50, 60, 60])];
    const twice = [found(0, [0, 0, 10, 10], 0.9), found(0, [0, 0, 10, 10], 0.8), found(0, [50, 50, 60, 60], 0.7)];
    // Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1: 51 recall points see 1, 50 see 2/3.
    expect(detectionAp(objects, twice).ap50).toBeCloseTo((51 + 50 * (2 / 3)) / 101, 12);
    expect(detectionAp(objects, twice, { rule: 'allPoint' }).ap50).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12);
    expect(detectionAp(objects, twice, { rule: 'elevenPoint' }).ap50).toBeCloseTo((6 + 5 * (2 / 3)) / 11, 12);
  });

  it('gives each detection the free object that it overlaps most', () => {
    const objects = [truth(0, [0, 0, 10, 10]), truth(0, [0, 0, 10, 8])];
    const ap = detectionAp(objects, [found(0, [0, 0, 10, 10], 0.9), found(0, [0, 0, 10, 8], 0.8)]);
    expect(ap.ap).toBe(1);
  });

  it('does not match across images or classes', () => {
    expect(detectionAp([truth(0, [0, 0, 10, 10])], [found(1, [0, 0, 10, 10], 0.9)]).ap).toBe(0);
    const scores = detectionAp(
      [truth(0, [0, 0, 10, 10], 0), truth(0, [20, 0, 30, 10], 4)],
      [found(0, [0, 0, 10, 10], 0.9)],
    );
    expect(scores.perClass).toEqual({ 0: 1, 4: 0 });
    expect(scores.ap).toBe(0.5);
  });

  it('counts ignored objects neither way', () => {
    const objects = [truth(0, [0, 0, 10, 10]), { ...truth(0, [50, 50, 60, 60]), ignored: true }];
    const first = [found(0, [50, 50, 60, 60], 0.9), found(0, [50, 50, 60, 60], 0.8), found(0, [0, 0, 10, 10], 0.7)];
    expect(detectionAp(objects, first).ap).toBe(1);
  });

  it('keeps the best detections of an image only', () => {
    const noise = [found(0, [80, 80, 90, 90], 0.9), found(0, [0, 0, 10, 10], 0.5)];
    expect(detectionAp([truth(0, [0, 0, 10, 10])], noise, { maxDetections: 1 }).ap).toBe(0);
  });

  it('scores masks with their own overlap', () => {
    const object: GroundTruth<Mask> = { image: 'a', label: 0, region: Uint8Array.of(1, 1, 1, 0) };
    const hit: Detection<Mask> = { image: 'a', label: 0, region: Uint8Array.of(1, 1, 0, 0), score: 1 };
    expect(detectionAp([object], [hit], undefined, maskIou)).toMatchObject({ ap50: 1, ap75: 0 });
  });

  it('refuses no objects, a score that is not finite and bad options', () => {
    expect(() => detectionAp([], [])).toThrow(/no object/);
    expect(() => detectionAp([truth(0, [0, 0, 1, 1])], [found(0, [0, 0, 1, 1], Number.NaN)])).toThrow(/score NaN/);
    expect(() => detectionAp([truth(0, [0, 0, 1, 1])], [], { maxDetections: 0 })).toThrow(/maxDetections/);
    expect(() => detectionAp([truth(0, [0, 0, 1, 1])], [], { rule: 'step' as never })).toThrow(/rule must be one of/);
  });
});
