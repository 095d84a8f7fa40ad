import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addToConfusion, createConfusion, segmentationScores } from './segmentation-scores.js';

describe('segmentationScores', () => {
  it('gives worked example E of spec "evaluation"', () => {
    const scores = segmentationScores({ classes: 3, counts: Float64Array.of(50, 2, 3, 4, 20, 1, 5, 0, 15) });
    expect([...scores.iou].map((v) => v.toFixed(6))).toEqual(['0.781250', '0.740741', '0.625000']);
    expect(scores.meanIou).toBeCloseTo(0.715664, 6);
    expect(scores.pixelAccuracy).toBeCloseTo(0.85, 12);
  });

  it('is 1 for identical maps, and averages over classes that occur only', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { minLength: 1 }), (pixels) => {
        const confusion = createConfusion(5);
        addToConfusion(confusion, pixels, pixels);
        expect(segmentationScores(confusion)).toMatchObject({ meanIou: 1, pixelAccuracy: 1 });
      }),
    );
  });

  it('leaves ignored pixels out, and adds over images', () => {
    const confusion = createConfusion(2);
    addToConfusion(confusion, [0, 255, 1], [0, 1, 1]);
    addToConfusion(confusion, [9, 1], [0, 0], 9);
    expect([...confusion.counts]).toEqual([1, 0, 1, 1]);
  });

  it('refuses two lengths, unknown classes and an empty count', () => {
    expect(() => addToConfusion(createConfusion(2), [0], [0, 1])).toThrow(/1 pixels, but 2/);
    expect(() => addToConfusion(createConfusion(2), [2], [0])).toThrow(/pixel 0 is of class 2/);
    expect(() => addToConfusion(createConfusion(2), [0], [-1])).toThrow(/predicted -1/);
    expect(() => segmentationScores(createConfusion(2))).toThrow(/no pixel/);
  });
});
