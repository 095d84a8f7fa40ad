import { logSumExpOf, type Objective } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

const SMALLEST = 1e-37; // a weight of 0 counts as e^−85

/**
 * Weights inside the logarithm:  −log [ Σ_p w_p exp(s_p / τ) / Σ_c exp(s_c / τ) ],  p over positives, c over all candidates.
 *
 * For the same weights never more than the soft-target form, as −log is convex (and the weights of both are at most 1 each).
 * Gradient reaches the weights.
 *
 * Source: arXiv 2303.17142, its loss; spec "snclr" section 2.5, paper form.
 */
export const softPositives: Objective = {
  name: 'softPositives',
  usesNegatives: true,
  losses: ({ positives, weights, negatives, masks }, { temperature }) => {
    const all = logSumExpOf([positives, ...negatives], temperature, masks);
    const weighted = tf.add(positives, tf.mul(temperature, tf.log(tf.maximum(weights, SMALLEST)))) as tf.Tensor2D;
    return tf.sub(all, logSumExpOf([weighted], temperature, [masks[0]])) as tf.Tensor1D;
  },
};
