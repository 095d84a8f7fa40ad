import { type Comparison, scoresOf, softmax } from '@contrastive/core';
import { expectClose, seededRows, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { contrast, drawsOf, example1, ioOf, randomContrast } from '../test/contrast.js';
import { ft } from './ft.js';
import {
  comparisonRows,
  histogramOf,
  joinSamples,
  quantilesOf,
  sampleNegatives,
  scoreRows,
  summarizeScores,
} from './score-statistics.js';

const comparisonOf = (given: Parameters<typeof contrast>[0]): Comparison => contrast(given)[0]!.comparisons[0]!;
const rowsOf = (c: Comparison) => scoreRows(scoresOf(c), c.temperature);
const values = (t: tf.Tensor) => Array.from(t.dataSync());

describe('scoreRows', () => {
  it('gives the score rows of spec "ft", E1, before and after FT', () => {
    expectClose(
      rowsOf(comparisonOf(example1())).rows,
      [-0.133333, 0.653333, 0.8, 7.030758, 54.59815, -0.026667, 0.538133, 0.8, 18.298178, 54.59815],
    );
    const host = contrast(example1());
    const draws = drawsOf({ lambdaEx: 1.5, lambdaIn: 0.25, order: [1, 2, 0] });
    const moved = ft().edit!(host, ioOf(host, draws))[0]!.comparisons[0]!;
    expectClose(
      rowsOf(moved).rows,
      [-0.166667, 0.443333, 0.5, 2.800055, 12.182494, -0.073333, 0.280933, 0.5, 4.615672, 12.182494],
    );
  });

  it('has exp(positive / τ) in the last column and positive exponentials', () => {
    const rows = rowsOf(comparisonOf(randomContrast(3))).rows;
    const [, , positive, expNegative, expPositive] = tf.unstack(rows, 1);
    expectClose(expPositive!, tf.exp(tf.div(positive!, 0.2)));
    expect(Math.min(...values(expNegative!))).toBeGreaterThan(0);
  });

  it('leaves masked candidates out', () => {
    const given = randomContrast(5, 3, 6, 4);
    const visible = tf.slice(given.queue, [0, 0], [4, 4]);
    const masked: Comparison = {
      ...comparisonOf(given),
      negatives: [{ kind: 'shared', rows: given.queue, mask: tf.tile(tf.tensor2d([[1, 1, 1, 1, 0, 0]]), [3, 1]) }],
    };
    const [all, some] = [rowsOf(masked), rowsOf(comparisonOf({ ...given, queue: visible }))];
    expectClose(all.rows, some.rows);
    expectClose(all.pull, some.pull);
  });

  it('gives the size of the gradient of the loss with respect to the positive score', () => {
    const c = comparisonOf(randomContrast(6));
    const scores = scoresOf(c);
    const loss = (positives: tf.Tensor) =>
      tf.sum(softmax.losses({ ...scores, positives: positives as tf.Tensor2D }, c));
    expectClose(rowsOf(c).pull, tf.neg(tf.grad(loss)(scores.positives)));
  });

  it('gives the gradients of the loss with respect to the negative scores: their sum and the largest', () => {
    const given = randomContrast(6, 3, 6, 4);
    const mask = tf.tile(tf.tensor2d([[1, 1, 0, 1, 1, 1]]), [3, 1]) as tf.Tensor2D;
    const c = { ...comparisonOf(given), negatives: [{ kind: 'shared' as const, rows: given.queue, mask }] };
    const scores = scoresOf(c);
    const loss = (negatives: tf.Tensor) =>
      tf.sum(softmax.losses({ ...scores, negatives: [negatives as tf.Tensor2D] }, c));
    const gradient = tf.grad(loss)(scores.negatives[0]!);
    const { push, hardest, pull } = rowsOf(c);
    expectClose(push, tf.sum(gradient, 1));
    expectClose(hardest, tf.max(gradient, 1));
    expectClose(push, pull); // one positive: the weights of an anchor add up to nothing
  });

  it('takes the weighted mean of several positives', () => {
    const c = comparisonOf(randomContrast(7, 2, 4, 3));
    const rows = seededTensor<tf.Rank.R3>([2, 3, 3], 1);
    const weights = tf.tensor2d([1, 2, 1, 0, 1, 0], [2, 3]);
    const scores = scoresOf({ ...c, positives: { kind: 'paired', rows, weights } });
    const expected = tf.div(tf.sum(tf.mul(weights, scores.positives), 1), tf.sum(weights, 1));
    expectClose(tf.slice(scoreRows(scores, 1).rows, [0, 2], [-1, 1]), expected);
  });

  it('marks what does not exist without negatives', () => {
    const { anchors, positives } = example1();
    expect(values(rowsOf(comparisonOf({ anchors, positives })).rows).map(Number.isNaN)).toEqual(
      [true, true, false, true, false, true, true, false, true, false], // biome-ignore format: rows
    );
  });
});

describe('comparisonRows', () => {
  it('gives the same in blocks of anchors as at once, with masks, weights and own anchors', () => {
    const c = comparisonOf(randomContrast(8, 7, 9, 4));
    const negatives = [
      {
        kind: 'shared' as const,
        rows: seededRows(9, 4, 1),
        mask: tf.cast(tf.greater(seededTensor([7, 9], 2), -1), 'float32') as tf.Tensor2D,
      },
      { kind: 'paired' as const, rows: seededTensor<tf.Rank.R3>([7, 2, 4], 3), anchors: seededRows(7, 4, 4) },
    ];
    const comparison: Comparison = { ...c, negatives };
    const whole = comparisonRows(comparison, scoresOf(comparison));
    for (const maxElements of [1, 24, 36, 1000]) {
      const parts = comparisonRows(comparison, undefined, maxElements);
      expectClose(parts.rows, whole.rows);
      for (const key of ['pull', 'push', 'hardest'] as const) expectClose(parts[key], whole[key]);
    }
  });
});

describe('summarizeScores', () => {
  it('averages over anchors, with the population variance of positives', () => {
    const rows = tf.tensor2d([1, 2, 0.25, 3, 4, 3, 4, 0.75, 5, 6], [2, 5]);
    const summary = Object.fromEntries(Object.entries(summarizeScores(rows)).map(([k, t]) => [k, t.dataSync()[0]]));
    expect(summary).toEqual({ negMean: 2, negVar: 3, posMean: 0.5, posVar: 0.0625, expNeg: 4, expPos: 5 });
  });
});

describe('sampleNegatives', () => {
  it('scores evenly spread anchors against evenly spread rows', () => {
    const c = comparisonOf(randomContrast(9, 2, 8, 3));
    const all = tf.matMul(c.anchors, c.negatives[0]!.rows as tf.Tensor2D, false, true);
    expectClose(sampleNegatives(c, 100)[0]!.values, all);
    expectClose(sampleNegatives(c, 4)[0]!.values, tf.gather(all, tf.tensor1d([0, 2, 4, 6], 'int32'), 1));
    const many = comparisonOf(randomContrast(9, 1024, 2, 3));
    expect(sampleNegatives(many, 2)[0]!.values.size).toBe(512 * 2);
  });

  it('takes masks and paired rows along', () => {
    const c = comparisonOf(randomContrast(9, 2, 4, 3));
    const mask = tf.tensor2d([1, 0, 1, 1, 0, 1, 1, 1], [2, 4]);
    const paired = seededTensor<tf.Rank.R3>([2, 1, 3], 4);
    const both: Comparison = {
      ...c,
      negatives: [
        { kind: 'shared', rows: c.negatives[0]!.rows as tf.Tensor2D, mask },
        { kind: 'paired', rows: paired },
      ],
    };
    const [shared, own] = sampleNegatives(both, 2);
    expect(values(shared!.mask!)).toEqual([1, 1, 0, 1]);
    expectClose(own!.values, tf.sum(tf.mul(c.anchors, tf.squeeze(paired, [1])), 1));
    expect(values(joinSamples([shared!, own!]).mask!)).toEqual([1, 1, 0, 1, 1, 1]);
  });
});

describe('histogramOf', () => {
  const bins = { bins: 4, range: [-1, 1] as const };

  it('counts values in equal bins, those outside in the outer ones', () => {
    const sample = { values: tf.tensor1d([-3, -1, -0.4, 0, 0.49, 0.5, 1, 2]), mask: undefined };
    expect(values(histogramOf(sample, bins))).toEqual([2, 1, 2, 3]);
  });

  it('leaves masked values out and adds up over chunks', () => {
    const sample = { values: tf.tensor1d([-0.9, 0.9]), mask: tf.tensor1d([1, 0]) };
    expect(values(histogramOf(sample, bins))).toEqual([1, 0, 0, 0]);
    const many = tf.linspace(-1, 0.999, 100_000);
    const counts = values(histogramOf({ values: many, mask: undefined }, { bins: 1000, range: [-1, 1] }));
    expect(counts.reduce((a, b) => a + b)).toBe(100_000);
  });
});

describe('quantilesOf', () => {
  it('picks the nearest value in order', () => {
    const sample = { values: tf.tensor1d([5, 1, 3, 2, 4]), mask: undefined };
    expect(values(quantilesOf(sample, [0, 0.25, 0.5, 0.75, 1]))).toEqual([1, 2, 3, 4, 5]);
  });

  it('leaves masked values out', () => {
    const sample = { values: tf.tensor1d([9, 1, 3, -9, 2]), mask: tf.tensor1d([0, 1, 1, 0, 1]) };
    expect(values(quantilesOf(sample, [0, 0.5, 1]))).toEqual([1, 2, 3]);
  });
});
