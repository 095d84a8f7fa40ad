import { unit } from '@contrastive/core';
import { expectClose, expectGradients, seededRows, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pushApart } from './extrapolation.js';

const scores = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b), 1);
const pairs = (seed: number, n = 3, d = 5) => ({
  anchor: seededRows(n, d, seed),
  positive: seededRows(n, d, seed + 99),
});
const seeds = fc.integer({ min: 0, max: 10_000 });
const lambdas = (low: number, high: number) => fc.double({ min: low, max: high, noNaN: true });

describe('pushApart', () => {
  it('gives the worked example E1 of spec "ft"', () => {
    const anchor = tf.tensor2d([[1, 0], [0.6, 0.8]]); // biome-ignore format: rows
    const positive = tf.tensor2d([[0.8, 0.6], [0, 1]]); // biome-ignore format: rows
    const moved = pushApart({ anchor, positive }, tf.scalar(1.5));
    expectClose(moved.anchor, [1.1, -0.3, 0.9, 0.7]);
    expectClose(moved.positive, [0.7, 0.9, -0.3, 1.1]);
    expectClose(scores(moved.anchor, moved.positive), [0.5, 0.5]);
    expectClose(tf.sum(tf.square(moved.anchor), 1), [1.3, 1.3]);
  });

  it('gives the element-wise worked example E2', () => {
    const moved = pushApart(
      { anchor: tf.tensor2d([[2 / 3, 1 / 3, 2 / 3]]), positive: tf.tensor2d([[1 / 3, 2 / 3, 2 / 3]]) },
      tf.tensor2d([[1.2, 1.5, 1.9]]),
    );
    expectClose(moved.anchor, [0.733333, 0.166667, 0.666667]);
    expectClose(moved.positive, [0.266667, 0.833333, 0.666667]);
    expectClose(scores(moved.anchor, moved.positive), [0.778889]);
  });

  it.each([
    [0.9, [0.9, 0.8375, 0.75, 0.6375, 0.5]],
    [0.8, [0.8, 0.675, 0.5, 0.275, 0]],
    [0.5, [0.5, 0.1875, -0.25, -0.8125, -1.5]],
    [0, [0, -0.625, -1.5, -2.625, -4]],
  ])('moves a score of %d as the table of section 2.2 says', (s, expected) => {
    const pair = { anchor: tf.tensor2d([[1, 0]]), positive: tf.tensor2d([[s, Math.sqrt(1 - s * s)]]) };
    const moved = [1, 1.25, 1.5, 1.75, 2].map((l) => pushApart(pair, tf.scalar(l)));
    expectClose(
      moved.map((m) => scores(m.anchor, m.positive).dataSync()[0]!),
      expected,
      { abs: 1e-5 },
    );
  });

  it('keeps the sum, stretches the chord by 2λ − 1, and swaps with its arguments, for any coefficients', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { anchor, positive } = pairs(seed);
        const lambda = seededTensor([3, 5], seed + 7);
        const moved = pushApart({ anchor, positive }, lambda);
        expectClose(tf.add(moved.anchor, moved.positive), tf.add(anchor, positive), { abs: 1e-5 });
        const stretch = tf.sub(tf.mul(2, lambda), 1);
        expectClose(tf.sub(moved.anchor, moved.positive), tf.mul(stretch, tf.sub(anchor, positive)), { abs: 1e-5 });
        const swapped = pushApart({ anchor: positive, positive: anchor }, lambda);
        expectClose(swapped.anchor, moved.positive);
        const mirrored = pushApart({ anchor, positive }, tf.sub(1, lambda));
        expectClose(mirrored.anchor, moved.positive, { abs: 1e-5 });
      }),
      { numRuns: 30 },
    );
  });

  it('lowers scores for λ in [1, 2], within [5s − 4, s], and raises them for λ in [0, 1]', () => {
    fc.assert(
      fc.property(seeds, lambdas(1, 2), lambdas(0, 1), (seed, out, inward) => {
        const pair = pairs(seed);
        const s = scores(pair.anchor, pair.positive).dataSync();
        const after = (l: number) => {
          const moved = pushApart(pair, tf.scalar(l));
          return scores(moved.anchor, moved.positive).dataSync();
        };
        const [lower, higher] = [after(out), after(inward)];
        const amplification = 1 + 2 * out * (out - 1);
        s.forEach((value, i) => {
          expect(lower[i]!).toBeLessThanOrEqual(value + 1e-5);
          expect(lower[i]!).toBeGreaterThanOrEqual(5 * value - 4 - 1e-5);
          expect(lower[i]!).toBeCloseTo(amplification * value - (amplification - 1), 4);
          expect(higher[i]!).toBeGreaterThanOrEqual(value - 1e-5);
        });
      }),
      { numRuns: 50 },
    );
  });

  it('adds Σ λ(1 − λ)(q − k)² to the score, for any coefficients and lengths', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const [anchor, positive] = [seededTensor<tf.Rank.R2>([3, 5], seed), seededTensor<tf.Rank.R2>([3, 5], seed + 1)];
        const lambda = seededTensor([3, 5], seed + 2);
        const moved = pushApart({ anchor, positive }, lambda);
        const shift = tf.mul(tf.mul(lambda, tf.sub(1, lambda)), tf.square(tf.sub(anchor, positive)));
        expectClose(scores(moved.anchor, moved.positive), tf.add(scores(anchor, positive), tf.sum(shift, 1)), {
          abs: 1e-4,
        });
        const outward = tf.add(1, tf.abs(lambda)); // at least 1 everywhere: never a higher score
        const pushed = pushApart({ anchor, positive }, outward);
        const drop = tf.sub(scores(anchor, positive), scores(pushed.anchor, pushed.positive));
        expect(Math.min(...drop.dataSync())).toBeGreaterThanOrEqual(-1e-4);
      }),
      { numRuns: 30 },
    );
  });

  it('is monotone: a larger λ ≥ 1 never gives a higher score, element-wise too', () => {
    fc.assert(
      fc.property(seeds, lambdas(0, 1), (seed, more) => {
        const pair = pairs(seed);
        const lambda = tf.add(1, tf.abs(seededTensor([3, 5], seed + 3)));
        const score = (l: tf.Tensor) => {
          const moved = pushApart(pair, l);
          return scores(moved.anchor, moved.positive);
        };
        const difference = tf.sub(score(lambda), score(tf.add(lambda, more)));
        expect(Math.min(...difference.dataSync())).toBeGreaterThanOrEqual(-1e-4);
      }),
      { numRuns: 30 },
    );
  });

  it('has norms of √(1 + (A − 1)(1 − s)), so that unit rows again have a cosine of (s − c) / (1 + c) ≤ s', () => {
    fc.assert(
      fc.property(seeds, lambdas(1, 2), (seed, l) => {
        const pair = pairs(seed);
        const s = scores(pair.anchor, pair.positive);
        const c = tf.mul(2 * l * (l - 1), tf.sub(1, s));
        const moved = pushApart(pair, tf.scalar(l));
        for (const rows of [moved.anchor, moved.positive]) {
          expectClose(tf.sum(tf.square(rows), 1), tf.add(1, c), { abs: 1e-4 });
        }
        const cosines = scores(unit(moved.anchor), unit(moved.positive));
        expectClose(cosines, tf.div(tf.sub(s, c), tf.add(1, c)), { abs: 1e-4 });
        expect(Math.min(...tf.sub(s, cosines).dataSync())).toBeGreaterThanOrEqual(-1e-4);
      }),
      { numRuns: 30 },
    );
  });

  it('changes no bit at λ = 1', () => {
    const pair = pairs(5);
    const moved = pushApart(pair, tf.scalar(1));
    expect(moved.anchor.dataSync()).toEqual(pair.anchor.dataSync());
    expect(moved.positive.dataSync()).toEqual(pair.positive.dataSync());
  });

  it('passes gradient to the anchor through both rows, or through its own only', () => {
    const { anchor, positive } = pairs(11);
    const scoreSum = (q: tf.Tensor, detachPositive: boolean) => {
      const moved = pushApart({ anchor: q as tf.Tensor2D, positive }, tf.scalar(1.6), { detachPositive });
      return tf.sum(tf.mul(moved.anchor, moved.positive)) as tf.Scalar;
    };
    expectGradients((q) => scoreSum(q, false), [anchor]);
    const fixed = pushApart({ anchor, positive }, tf.scalar(1.6)).positive;
    expectClose(tf.grad((q) => scoreSum(q, true))(anchor), tf.mul(1.6, fixed));
  });
});
