import { Rng } from '@contrastive/core';
import { expectClose, seededRows, seededTensor, valuesOf } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boxShares,
  cutBox,
  drawInterpolation,
  evenShares,
  type Interpolation,
  type InterpolationTensors,
  interpolation,
  keptArea,
  mixFeatures,
  mixImages,
} from './interpolation.js';

const onDevice = (draws: Interpolation): InterpolationTensors =>
  Object.fromEntries(
    Object.entries(draws).map(([name, t]) => [name, tf.tensor(t.data, t.shape as number[], t.dtype)]),
  ) as unknown as InterpolationTensors;

const cutmix = { mix: 'cutmix', granularity: 'batch', alpha: 1, boxMinArea: 0 } as const;
const seeds = fc.integer({ min: 0, max: 1e6 });

describe('cutBox', () => {
  it.each([
    // side, λ₀, centre, box [top, bottom, left, right], λ: spec "reco" E3
    [4, 0.75, [1, 2], [0, 2, 1, 3], 0.75],
    [4, 0.75, [0, 0], [0, 1, 0, 1], 0.9375],
    [8, 0.36, [7, 3], [4, 8, 0, 6], 0.625],
    [32, 0.5, [16, 16], [5, 27, 5, 27], 0.527344],
    [32, 0.999, [5, 5], [5, 5, 5, 5], 1],
    [224, 0.3, [10, 200], [0, 103, 107, 224], 0.759825],
  ] as const)('gives E3 for side %d, λ₀ %d, centre %j', (side, lambda, [centerY, centerX], expected, kept) => {
    const box = cutBox({ height: side, width: side, lambda, centerY, centerX });
    expect([box.top, box.bottom, box.left, box.right]).toEqual(expected);
    expect(keptArea(box, side, side)).toBeCloseTo(kept, 6);
  });
});

describe('drawInterpolation', () => {
  it('states the share of pixels that it leaves alone', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 2, max: 24 }), (seed, side) => {
        const draws = onDevice(drawInterpolation(Rng.create(seed), 3, side, cutmix));
        const mixed = mixImages(tf.zeros([3, side, side, 2]), tf.ones([3, side, side, 2]), draws);
        const kept = valuesOf(tf.sub(1, tf.mean(mixed, [1, 2, 3])));
        const lambda = valuesOf(draws.lambda)[0]!;
        for (const share of kept) expect(share).toBeCloseTo(lambda, 5);
        expect(lambda).toBeGreaterThanOrEqual(0);
        expect(lambda).toBeLessThanOrEqual(1);
      }),
      { numRuns: 30 },
    );
  });

  it('uses one box for the batch, or one per sample', () => {
    expect(drawInterpolation(Rng.create(1), 5, 8, cutmix).rows.shape).toEqual([1, 8]);
    const each = drawInterpolation(Rng.create(1), 5, 8, { ...cutmix, granularity: 'sample' });
    expect(each.rows.shape).toEqual([5, 8]);
    expect(new Set(each.lambda.data).size).toBeGreaterThan(1);
  });

  it('follows the law of clipped boxes: mean λ 0.701 and P(λ ≥ 0.5) 0.854 at 32 pixels (spec "reco" 2.2)', () => {
    const rng = Rng.create(5);
    const drawn = Array.from({ length: 8000 }, () => drawInterpolation(rng, 2, 32, cutmix).lambda.data[0]!);
    expect(drawn.reduce((a, b) => a + b) / drawn.length).toBeCloseTo(0.701, 1);
    expect(drawn.filter((v) => v >= 0.5).length / drawn.length).toBeCloseTo(0.854, 1);
  });

  it('draws boxes again that are too small', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { lambda } = drawInterpolation(Rng.create(seed), 2, 28, { ...cutmix, boxMinArea: 0.1 });
        expect(1 - lambda.data[0]!).toBeGreaterThanOrEqual(0.1 - 1e-6);
      }),
      { numRuns: 50 },
    );
  });

  it('flips a coin per batch with mix random', () => {
    const isEven = Array.from({ length: 40 }, (_, seed) => {
      const { rows } = drawInterpolation(Rng.create(seed), 2, 16, { ...cutmix, mix: 'random' });
      return new Set(rows.data).size === 1 && rows.data[0] !== 0;
    });
    expect(isEven.filter(Boolean).length).toBeGreaterThan(10);
    expect(isEven.filter(Boolean).length).toBeLessThan(30);
  });

  it('draws partners that are a permutation', () => {
    const { partner } = drawInterpolation(Rng.create(3), 16, 8, cutmix);
    expect([...partner.data].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });

  it('gives each worker partners of its own, and its part of what is drawn for all images', () => {
    const options = { ...cutmix, granularity: 'sample' } as const;
    const [first, second] = [0, 1].map((rank) =>
      drawInterpolation(Rng.create(3), 4, 8, { ...options, workers: { size: 2, rank } }),
    );
    for (const { partner } of [first!, second!]) expect([...partner.data].sort()).toEqual([0, 1, 2, 3]);
    expect(first!.partner).not.toEqual(second!.partner);
    expect(first!.lambda.shape).toEqual([4, 1]);
    expect(first!.lambda).not.toEqual(second!.lambda);
    const shared = [0, 1].map((rank) =>
      drawInterpolation(Rng.create(3), 4, 8, { ...cutmix, workers: { size: 2, rank } }),
    );
    expect(shared[0]!.rows).toEqual(shared[1]!.rows);
  });
});

describe('mixImages', () => {
  const images = seededTensor<tf.Rank.R4>([3, 4, 4, 2], 1);
  const others = seededTensor<tf.Rank.R4>([3, 4, 4, 2], 2);

  it('gives the partner’s pixels inside the box and the image’s own outside, exactly', () => {
    const box = cutBox({ height: 4, width: 4, lambda: 0.75, centerY: 1, centerX: 2 });
    const draws = onDevice(interpolation([1, 2, 0], [boxShares(box, 4, 4)]));
    const mixed = mixImages(images, others, draws).arraySync();
    const [own, pasted] = [images.arraySync(), others.arraySync()];
    for (const [i, partner] of [1, 2, 0].entries()) {
      for (let y = 0; y < 4; y++) {
        for (let x = 0; x < 4; x++) {
          const isInside = y < 2 && x >= 1 && x < 3;
          expect(mixed[i]![y]![x]).toEqual(isInside ? pasted[partner]![y]![x] : own[i]![y]![x]);
        }
      }
    }
  });

  it('is the image, with λ = 1 exactly, for an empty box: spec "reco", invariant 2', () => {
    const box = cutBox({ height: 4, width: 4, lambda: 0.9, centerY: 2, centerX: 1 }); // sides of trunc(1.26) = 1 pixel
    expect(keptArea(box, 4, 4)).toBe(1);
    const mixed = mixImages(images, others, onDevice(interpolation([1, 2, 0], [boxShares(box, 4, 4)])));
    expectClose(mixed, images, { rel: 0, abs: 0 });
  });

  it('is the image for λ = 1 and the partner for λ = 0 (mixup)', () => {
    const at = (lambda: number) =>
      mixImages(images, others, onDevice(interpolation([2, 0, 1], [evenShares(lambda, 4)])));
    expectClose(at(1), images, { rel: 0, abs: 0 });
    expectClose(at(0), tf.gather(others, [2, 0, 1]), { rel: 0, abs: 0 });
  });
});

describe('mixFeatures', () => {
  it('gives E2: norm(0.75 q + 0.25 k of the partner)', () => {
    const q = tf.tensor2d([1, 0, 0.6, 0.8], [2, 2]);
    const k = tf.tensor2d([0.8, 0.6, 0, 1], [2, 2]);
    const draws = onDevice(interpolation([1, 0], [{ ...evenShares(0.75, 4) }]));
    expectClose(mixFeatures(q, k, draws), [0.948683, 0.316228, 0.654931, 0.755689], { abs: 1e-6 });
  });

  it('gives unit rows, and the row itself where both sources agree', () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 0, max: 1, noNaN: true }), (seed, lambda) => {
        const [a, b] = [seededRows(4, 6, seed), seededRows(4, 6, seed + 1)];
        const draws = onDevice(interpolation([3, 0, 1, 2], [evenShares(lambda, 2)]));
        expectClose(tf.norm(mixFeatures(a, b, draws), 2, 1), [1, 1, 1, 1], { abs: 1e-5 });
        expectClose(mixFeatures(a, tf.gather(a, [1, 2, 3, 0]), draws), a, { abs: 1e-5 });
      }),
      { numRuns: 20 },
    );
  });

  it('gives zeros, not NaN, for antipodal rows at λ = ½', () => {
    const row = tf.tensor2d([0.6, 0.8], [1, 2]);
    const draws = onDevice(interpolation([0], [evenShares(0.5, 2)]));
    expect(valuesOf(mixFeatures(row, tf.neg(row), draws))).toEqual([0, 0]);
  });

  it('passes no gradient', () => {
    const draws = onDevice(interpolation([1, 0], [evenShares(0.5, 2)]));
    const gradient = tf.grad((a) => tf.sum(tf.mul(a, mixFeatures(a as tf.Tensor2D, seededRows(2, 3, 2), draws))));
    const a = seededRows(2, 3, 1);
    expectClose(gradient(a), mixFeatures(a, seededRows(2, 3, 2), draws));
  });
});
