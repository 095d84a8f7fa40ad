import { type Comparison, scoreComparison } from '@contrastive/core';
import { expectClose, expectGradients, seededRows, valuesOf } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Divergence, entropy, relationObjective, teacherDistribution } from './relation.js';

// Spec "reco" E1.
const q = tf.tensor2d([1, 0, 0.6, 0.8], [2, 2]);
const weak = tf.tensor2d([0.96, 0.28, 0.8, 0.6], [2, 2]);
const bank = tf.tensor2d([0.6, 0.8, 0.8, 0.6, 0.28, 0.96, 0, 1], [4, 2]);

const compare = (
  anchors: tf.Tensor2D,
  rows: tf.Tensor2D,
  weights: tf.Tensor2D,
  divergence: Divergence = 'crossEntropy',
  mask?: tf.Tensor2D,
): tf.Tensor1D => {
  const comparison: Comparison = {
    from: 'view1',
    to: 'weak',
    anchors,
    positives: { kind: 'shared', rows, weights, ...(mask === undefined ? {} : { mask }) },
    negatives: [],
    temperature: 0.1,
    share: 1,
    objective: relationObjective(divergence),
  };
  return scoreComparison(comparison).losses;
};

const seeds = fc.integer({ min: 0, max: 1e6 });
const cases = (seed: number) => {
  const [anchors, teacher, rows] = [seededRows(3, 5, seed), seededRows(3, 5, seed + 1), seededRows(7, 5, seed + 2)];
  return { anchors, rows, weights: teacherDistribution(teacher, rows, 0.04) };
};

describe('teacherDistribution', () => {
  it('gives E1', () => {
    expectClose(
      teacherDistribution(weak, bank, 0.04),
      [0.032294, 0.96766, 0.000046, 0, 0.267614, 0.727451, 0.004902, 0.000033],
      { abs: 1e-6 },
    );
  });

  it('becomes the nearest row of the bank as τ_t goes to 0', () => {
    expectClose(teacherDistribution(weak, bank, 1e-4), [0, 1, 0, 0, 0, 1, 0, 0]);
  });

  it('gives exactly 0 to hidden candidates', () => {
    const mask = tf.tensor2d([1, 0, 1, 1, 1, 1, 0, 1], [2, 4]);
    const p = valuesOf(teacherDistribution(weak, bank, 0.04, mask));
    expect([p[1], p[6]]).toEqual([0, 0]);
    expect(p.slice(0, 4).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  });

  it('passes no gradient', () => {
    const f = (rows: tf.Tensor) => tf.sum(tf.mul(rows, teacherDistribution(rows as tf.Tensor2D, q, 0.04)));
    expectClose(tf.grad(f)(weak), teacherDistribution(weak, q, 0.04));
  });
});

describe('relationObjective', () => {
  const p = teacherDistribution(weak, bank, 0.04);

  it('gives E1: cross entropy, entropy of the teacher, KL', () => {
    expectClose(compare(q, bank, p), [0.196896, 1.141316], { abs: 2e-6 });
    expectClose(entropy(p), [0.14313, 0.610661], { abs: 2e-6 });
    expectClose(tf.sub(compare(q, bank, p), entropy(p)), [0.053765, 0.530655], { abs: 2e-6 });
    expect(valuesOf(tf.mean(compare(q, bank, p)))[0]).toBeCloseTo(0.669106, 5);
  });

  it('gives the gradient of E1', () => {
    const gradient = tf.grad((x) => tf.mean(compare(x as tf.Tensor2D, bank, p)))(q);
    expectClose(gradient, [-0.099923, 0.095504, -0.967845, 0.674996], { abs: 2e-6 });
  });

  it('is log K if all scores are equal', () => {
    const rows = tf.tile(tf.tensor2d([0, 1], [1, 2]), [6, 1]) as tf.Tensor2D;
    expectClose(compare(q, rows, teacherDistribution(weak, rows, 0.04)), [Math.log(6), Math.log(6)]);
  });

  it('is at least the teacher’s entropy and at most log K + 2 / τ_s', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { anchors, rows, weights } = cases(seed);
        const losses = valuesOf(compare(anchors, rows, weights));
        const entropies = valuesOf(entropy(weights));
        losses.forEach((loss, i) => {
          expect(loss).toBeGreaterThanOrEqual(entropies[i]! - 1e-5);
          expect(loss).toBeLessThanOrEqual(Math.log(7) + 2 / 0.1 + 1e-4);
        });
      }),
      { numRuns: 30 },
    );
  });

  it.each(['crossEntropy', 'reverseKl', 'symmetric'] as const)(
    '%s is at its optimum where student and teacher agree',
    (divergence) => {
      const { anchors, rows } = cases(4);
      const same = teacherDistribution(anchors, rows, 0.1);
      const optimum = divergence === 'crossEntropy' ? entropy(same) : tf.zeros([3]);
      expectClose(compare(anchors, rows, same, divergence), optimum as tf.Tensor, { abs: 1e-5 });
      const gradient = tf.grad((x) => tf.sum(compare(x as tf.Tensor2D, rows, same, divergence)))(anchors);
      expectClose(gradient, new Array<number>(15).fill(0), { abs: 1e-4 });
    },
  );

  it.each(['crossEntropy', 'reverseKl', 'symmetric'] as const)('%s has the gradient of its value', (divergence) => {
    const { anchors, rows, weights } = cases(9);
    const f = (x: tf.Tensor) => tf.sum(tf.mul(0.1, compare(x as tf.Tensor2D, rows, weights, divergence)));
    expectGradients(f, [anchors], { h: 1e-3, rel: 2e-2, abs: 2e-2 });
  });

  it('gives half the sum of both directions as symmetric', () => {
    const { anchors, rows, weights } = cases(2);
    const forward = tf.sub(compare(anchors, rows, weights), entropy(weights));
    const both = tf.add(forward, compare(anchors, rows, weights, 'reverseKl'));
    expectClose(compare(anchors, rows, weights, 'symmetric'), tf.div(both, 2), { rel: 1e-4 });
  });

  it('does not depend on the order of the bank', () => {
    const { anchors, rows, weights } = cases(6);
    const order = tf.tensor1d([3, 1, 6, 0, 5, 2, 4], 'int32');
    const reordered = compare(anchors, tf.gather(rows, order), tf.gather(weights, order, 1));
    expectClose(reordered, compare(anchors, rows, weights), { rel: 1e-5 });
  });

  it('is unchanged, with a gradient that sums to 0, when all scores of an anchor shift', () => {
    const { rows, weights } = cases(8);
    const flat = tf.concat([rows, tf.ones([7, 1])], 1) as tf.Tensor2D; // a last feature that adds to every score
    const at = (shift: number) => tf.concat([cases(8).anchors, tf.fill([3, 1], shift)], 1) as tf.Tensor2D;
    expectClose(compare(at(0.5), flat, weights), compare(at(0), flat, weights), { rel: 1e-4, abs: 1e-5 });
    const gradient = tf.grad((x) => tf.sum(compare(x as tf.Tensor2D, flat, weights)))(at(0));
    expectClose(tf.slice(gradient, [0, 5], [3, 1]), [0, 0, 0], { abs: 1e-5 });
  });

  it.each(['crossEntropy', 'reverseKl', 'symmetric'] as const)('%s leaves hidden candidates out', (divergence) => {
    const { anchors, rows } = cases(3);
    const teacher = seededRows(3, 5, 77);
    const shown = tf.slice(rows, [0, 0], [6, 5]);
    const mask = tf.concat([tf.ones([3, 6]), tf.zeros([3, 1])], 1) as tf.Tensor2D;
    const hidden = compare(anchors, rows, teacherDistribution(teacher, rows, 0.04, mask), divergence, mask);
    expectClose(hidden, compare(anchors, shown, teacherDistribution(teacher, shown, 0.04), divergence), { rel: 1e-4 });
  });

  it('stays finite where the teacher’s probabilities underflow', () => {
    const far = teacherDistribution(weak, bank, 1e-3);
    for (const loss of valuesOf(compare(q, bank, far, 'reverseKl'))) expect(Number.isFinite(loss)).toBe(true);
  });
});
