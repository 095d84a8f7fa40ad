import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import type { Comparison, Term } from './comparison.js';
import { unit } from './math.js';
import { cosine, rowsOf, scoreComparison, scoreTerms, softmax } from './scoring.js';

/** Unit vectors in the plane from angles in degrees. */
const circle = (...degrees: readonly number[]): tf.Tensor2D =>
  tf.tensor2d(degrees.map((a) => [Math.cos((a * Math.PI) / 180), Math.sin((a * Math.PI) / 180)]));
const paired = (rows: tf.Tensor2D) => ({ kind: 'paired' as const, rows: tf.expandDims(rows, 1) as tf.Tensor3D });
const shared = (rows: tf.Tensor2D, mask?: tf.Tensor2D) => ({ kind: 'shared' as const, rows, ...(mask && { mask }) });

/** Example "MoCo" of spec "hosts" section 14. */
const moco = (overrides: Partial<Comparison> = {}): Comparison => ({
  from: 'view1',
  to: 'view2',
  anchors: circle(10, 100),
  positives: paired(circle(0, 90)),
  negatives: [shared(circle(180, 225, 270))],
  temperature: 0.2,
  share: 1,
  objective: softmax,
  ...overrides,
});
const term = (name: string, comparisons: readonly Comparison[], weight: Term['weight'] = 1): Term => ({
  name,
  weight,
  comparisons,
});
const expectClose = (actual: tf.Tensor, expected: readonly number[], digits = 5) => {
  const values = actual.dataSync();
  expect(values).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, digits);
};
const random = (shape: [number, number], seed: number) =>
  unit(tf.randomNormal<tf.Rank.R2>(shape, 0, 1, 'float32', seed));

describe('scoreComparison', () => {
  it('gives the worked example of MoCo', () => {
    expectClose(scoreComparison(moco()).losses, [0.00322, 0.017631], 6);
  });

  it('equals ln(1 + K) when all scores are equal', () => {
    const ones = tf.ones([4, 2]) as tf.Tensor2D;
    const equal = moco({ anchors: tf.ones([2, 2]), positives: paired(tf.ones([2, 2])), negatives: [shared(ones)] });
    expectClose(scoreComparison(equal).losses, [Math.log(5), Math.log(5)]);
  });

  it('leaves masked candidates out', () => {
    const mask = tf.tensor2d([
      [1, 0, 1],
      [1, 0, 1],
    ]);
    const masked = scoreComparison(moco({ negatives: [shared(circle(180, 225, 270), mask)] })).losses;
    const without = scoreComparison(moco({ negatives: [shared(circle(180, 270))] })).losses;
    expectClose(masked, Array.from(without.dataSync()), 6);
  });

  it('weighs several positives as soft targets', () => {
    // Scores s = cos(0°), cos(90°) = 1, 0; τ = 1: Σ w (lse − s) = lse − 0.75 with weights 0.75, 0.25.
    const soft = moco({
      anchors: circle(0),
      positives: { kind: 'shared', rows: circle(0, 90), weights: tf.tensor2d([[0.75, 0.25]]) },
      negatives: [],
      temperature: 1,
    });
    expectClose(scoreComparison(soft).losses, [Math.log(Math.E + 1) - 0.75]);
  });

  it('scores a block with anchors of its own against those', () => {
    const moved = moco({ negatives: [{ kind: 'shared', rows: circle(180), anchors: circle(180, 180) }] });
    expectClose(scoreComparison(moved).scores!.negatives[0]!, [1, 1]);
  });

  it('ignores negatives where the objective has none', () => {
    // BYOL's worked example: 2 − 2 cos 10°.
    const { losses, scores } = scoreComparison(moco({ objective: cosine(2, -2) }));
    expectClose(losses, [0.030384, 0.030384]);
    expect(scores!.negatives).toHaveLength(0);
  });

  it('gives the same losses and gradients in row blocks', () => {
    const [anchors, keys, queue] = [random([7, 3], 1), random([7, 3], 2), random([5, 3], 3)];
    const mask = tf.cast(tf.greater(tf.randomUniform([7, 5], 0, 1, 'float32', 4), 0.3), 'float32') as tf.Tensor2D;
    const weights = tf.randomUniform([7, 1], 0.5, 1, 'float32', 5) as tf.Tensor2D;
    const loss = (maxElements?: number) => (a: tf.Tensor, k: tf.Tensor) => {
      const comparison = moco({
        anchors: a as tf.Tensor2D,
        positives: { ...paired(k as tf.Tensor2D), weights },
        negatives: [shared(queue, mask)],
      });
      const { losses, scores } = scoreComparison(comparison, maxElements);
      expect(scores === undefined).toBe(maxElements !== undefined);
      return tf.sum(tf.mul(losses, tf.range(1, 8))) as tf.Scalar;
    };
    const whole = tf.valueAndGrads(loss())([anchors, keys]);
    for (const maxElements of [1, 12, 20]) {
      const blocks = tf.valueAndGrads(loss(maxElements))([anchors, keys]);
      expectClose(blocks.value, Array.from(whole.value.dataSync()), 4);
      for (const [i, grad] of blocks.grads.entries()) expectClose(grad, Array.from(whole.grads[i]!.dataSync()), 4);
    }
  });

  it.each<[string, Partial<Comparison>, RegExp]>([
    ['rows of another size', { negatives: [shared(tf.zeros([3, 5]))] }, /rows are \[3,5\]; anchors are \[2, 2\]/],
    ['paired rows of another count', { positives: paired(circle(1, 2, 3)) }, /paired rows are \[3,1,2\]/],
    [
      'a mask that would broadcast',
      { negatives: [shared(circle(1, 2), tf.ones([1, 2]))] },
      /mask is \[1,2\], not \[2, 2\]/,
    ],
    ['no temperature', { temperature: 0 }, /temperature is 0, but it must be > 0/],
  ])('refuses %s', (_what, overrides, message) => {
    expect(() => scoreComparison(moco(overrides))).toThrow(message);
  });
});

describe('scoreTerms', () => {
  it('sums weight × share × mean over terms and comparisons', () => {
    const [mean1, mean2] = [0.0104255, 0.030384];
    const terms = [
      term('global', [moco({ share: 0.5 }), moco({ objective: cosine(2, -2), share: 2 })]),
      term('local', [moco()], tf.scalar(3)),
    ];
    const { total, scored } = scoreTerms(terms);
    expectClose(total, [0.5 * mean1 + 2 * mean2 + 3 * mean1]);
    expectClose(scored[1]!.loss, [mean1]);
    expect(scored.map((s) => s.term.name)).toEqual(['global', 'local']);
  });

  it('refuses two terms of one name, and an empty list', () => {
    expect(() => scoreTerms([term('a', [moco()]), term('a', [moco()])])).toThrow(/Two loss terms are called a/);
    expect(() => scoreTerms([])).toThrow(/No loss term is left/);
  });

  it('counts the rows of both kinds of block', () => {
    expect([rowsOf(paired(circle(0, 1))), rowsOf(shared(circle(0, 1, 2)))]).toEqual([1, 3]);
  });
});
