import { type Comparison, type Scores, softmax } from '@contrastive/core';
import { expectClose, expectGradients, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { softPositives } from './objective.js';

const comparison = { temperature: 0.2 } as Comparison;
const scores = (seed: number, weights: tf.Tensor2D): Scores => ({
  positives: tf.tanh(seededTensor<tf.Rank.R2>([3, 4], seed)) as tf.Tensor2D,
  weights,
  negatives: [tf.tanh(seededTensor<tf.Rank.R2>([3, 5], seed + 1)) as tf.Tensor2D],
  masks: [undefined, undefined],
});
const weightsOf = (seed: number) => tf.sigmoid(seededTensor<tf.Rank.R2>([3, 4], seed)) as tf.Tensor2D;

describe('softPositives', () => {
  it('is InfoNCE for one positive of weight 1', () => {
    const one = tf.tensor2d([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], [3, 4]);
    expectClose(softPositives.losses(scores(1, one), comparison), softmax.losses(scores(1, one), comparison));
  });

  it('is −log of the weighted probability', () => {
    const s: Scores = {
      positives: tf.tensor2d([[0.2, 0]]),
      weights: tf.tensor2d([[1, 0.5]]),
      negatives: [tf.tensor2d([[-0.2]])],
      masks: [undefined, undefined],
    };
    const [e, one] = [Math.E, 1];
    expectClose(softPositives.losses(s, comparison), [-Math.log((e + 0.5 * one) / (e + one + 1 / e))]);
  });

  it('is ≥ 0 and never above soft targets if no weight exceeds 1 and one of them is 1', () => {
    fc.assert(
      fc.property(fc.nat(10_000), (seed) => {
        const weights = tf.concat([tf.ones([3, 1]), tf.slice(weightsOf(seed + 9), [0, 1], [-1, -1])], 1) as tf.Tensor2D;
        const [inside, outside] = [softPositives, softmax].map((o) => o.losses(scores(seed, weights), comparison));
        expect(Math.min(...inside!.dataSync())).toBeGreaterThanOrEqual(-1e-5);
        expect(Math.min(...tf.sub(outside!, inside!).dataSync())).toBeGreaterThanOrEqual(-1e-4);
      }),
      { numRuns: 40 },
    );
  });

  it('passes gradient to scores and weights', () => {
    const s = scores(3, weightsOf(4));
    expectGradients(
      (positives, weights, negatives) =>
        tf.sum(
          softPositives.losses(
            {
              ...s,
              positives: positives as tf.Tensor2D,
              weights: weights as tf.Tensor2D,
              negatives: [negatives as tf.Tensor2D],
            },
            { temperature: 1 } as Comparison,
          ),
        ),
      [s.positives, s.weights, s.negatives[0]!],
    );
  });

  it('ignores masked positives', () => {
    const s = scores(5, weightsOf(6));
    const mask = tf.tensor2d([1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0], [3, 4]);
    const cut = (t: tf.Tensor2D) => tf.slice(t, [0, 0], [-1, 3]);
    expectClose(
      softPositives.losses({ ...s, masks: [mask, undefined] }, comparison),
      softPositives.losses({ ...s, positives: cut(s.positives), weights: cut(s.weights) }, comparison),
    );
  });
});
