import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logSumExpOf, softTargetLoss } from './log-sum-exp.js';

const expectClose = (actual: tf.Tensor, expected: readonly number[], digits = 5) => {
  const values = actual.dataSync();
  expect(values).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, digits);
};

describe('logSumExpOf', () => {
  it('is finite for scores far out of the range of exp', () => {
    expectClose(logSumExpOf([tf.tensor2d([[1000, -1000]]), tf.tensor2d([[1000]])], 1), [1000 + Math.log(2)], 3);
  });

  it('has the softmax as its gradient', () => {
    const [a, b] = [tf.tensor2d([[0.2, -0.4]]), tf.tensor2d([[0.9]])];
    const grads = tf.grads((x, y) => tf.sum(logSumExpOf([x as tf.Tensor2D, y as tf.Tensor2D], 0.5)))([a, b]);
    const softmaxOf = tf.softmax(tf.tensor1d([0.4, -0.8, 1.8])).dataSync();
    const expected = Array.from(softmaxOf, (p) => p / 0.5);
    expectClose(grads[0]!, expected.slice(0, 2));
    expectClose(grads[1]!, expected.slice(2));
  });

  it('does not depend on how the candidates are split into matrices', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 8 }), (scores) => {
        const whole = logSumExpOf([tf.tensor2d([scores])], 0.3).dataSync()[0]!;
        const split = logSumExpOf([tf.tensor2d([scores.slice(0, 1)]), tf.tensor2d([scores.slice(1)])], 0.3);
        expect(split.dataSync()[0]).toBeCloseTo(whole, 4);
      }),
      { numRuns: 50 },
    );
  });
});

describe('softTargetLoss', () => {
  /** Loss and gradients of one row in double precision, from the given float32 values. */
  const exact = (
    positives: readonly number[],
    weights: readonly number[],
    negatives: readonly number[],
    tau: number,
  ) => {
    const x = [...positives, ...negatives].map((s) => Math.fround(s) / tau);
    const top = Math.max(...x);
    const e = x.map((v) => Math.exp(v - top));
    const place = x.indexOf(top);
    const rest = e.reduce((sum, v, i) => (i === place ? sum : sum + v), 0);
    const w = weights.map(Math.fround);
    const whole = w.reduce((a, b) => a + b, 0);
    const own = positives.map((_, p) => Math.log1p(rest) + top - x[p]!);
    const others = (p: number) => e.reduce((sum, v, i) => (i === p ? sum : sum + v), 0);
    return {
      loss: own.reduce((sum, v, p) => sum + w[p]! * v, 0),
      pull: positives.map((_, p) =>
        w.length === 1 ? (-w[0]! * others(0)) / (1 + rest) / tau : ((whole * e[p]!) / (1 + rest) - w[p]!) / tau,
      ),
      push: negatives.map((_, i) => (whole * e[positives.length + i]!) / (1 + rest) / tau),
      own,
    };
  };
  const actual = (positives: number[], weights: number[], negatives: number[], tau: number) => {
    const loss = (p: tf.Tensor, w: tf.Tensor, n: tf.Tensor) =>
      tf.sum(
        softTargetLoss({ positives: p as tf.Tensor2D, weights: w as tf.Tensor2D, negatives: [n as tf.Tensor2D] }, tau),
      ) as tf.Scalar;
    const { value, grads } = tf.valueAndGrads(loss)([
      tf.tensor2d([positives]),
      tf.tensor2d([weights]),
      tf.tensor2d([negatives]),
    ]);
    return { loss: value.dataSync()[0]!, grads: grads.map((g) => Array.from(g.dataSync())) };
  };
  const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(b);

  it('keeps the digits of a tiny loss and of its gradients', () => {
    // e^(−(0.99 + 0.01) / 0.07) = 6e-7: as a difference of logits near 14 it would be off by as much as itself.
    const [positives, negatives] = [[0.99], [-0.01, -0.4, -0.7]];
    const want = exact(positives, [1], negatives, 0.07);
    expect(want.loss).toBeLessThan(1e-6);
    const { loss, grads } = actual(positives, [1], negatives, 0.07);
    expect(relative(loss, want.loss)).toBeLessThan(1e-5);
    expect(relative(grads[0]![0]!, want.pull[0]!)).toBeLessThan(1e-5);
    for (const [i, g] of grads[2]!.entries()) expect(relative(g, want.push[i]!)).toBeLessThan(1e-5);
  });

  it('equals double precision for any scores, with gradients to scores and weights', () => {
    const list = (maxLength: number) =>
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength });
    const tau = fc.double({ min: 0.03, max: 2, noNaN: true });
    fc.assert(
      fc.property(list(3), list(5), tau, (positives, negatives, temperature) => {
        const weights = positives.map((_, i) => (i + 1) / 4);
        const want = exact(positives, weights, negatives, temperature);
        const got = actual(positives, weights, negatives, temperature);
        expect(Math.abs(got.loss - want.loss)).toBeLessThan(2e-6 * (1 + want.loss));
        for (const [k, expected] of [want.pull, want.own, want.push].entries())
          for (const [i, g] of got.grads[k]!.entries())
            expect(Math.abs(g - expected[i]!)).toBeLessThan(2e-5 * (1 + Math.abs(expected[i]!)));
      }),
      { numRuns: 100 },
    );
  });

  it('leaves masked candidates out of the sum', () => {
    const [positives, negatives] = [tf.tensor2d([[0.3, 0.9]]), tf.tensor2d([[0.1, 0.8]])];
    const weights = tf.tensor2d([[1, 0]]);
    const masks = [tf.tensor2d([[1, 0]]), tf.tensor2d([[1, 0]])];
    const masked = softTargetLoss({ positives, weights, negatives: [negatives], masks }, 0.5);
    expectClose(masked, [exact([0.3], [1], [0.1], 0.5).loss]);
  });

  it('works without negatives', () => {
    const positives = tf.tensor2d([[0.2, -0.1]]);
    const weights = tf.tensor2d([[0.75, 0.25]]);
    expectClose(softTargetLoss({ positives, weights, negatives: [] }, 1), [
      exact([0.2, -0.1], [0.75, 0.25], [], 1).loss,
    ]);
  });
});
