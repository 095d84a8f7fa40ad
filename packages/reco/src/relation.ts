import { logSoftmax, type Objective, softTargetLoss, stopGradient } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Lower bound of a probability inside a logarithm: the smallest normal float32. */
const MIN_PROBABILITY = 1.2e-38;

/** How two distributions over the relation bank are compared; see {@link relationObjective}. */
export type Divergence = 'crossEntropy' | 'reverseKl' | 'symmetric';

/**
 * Teacher distribution  p_t = softmax(rows · bankᵀ / τ_t), gradient stopped.
 *
 * @param rows teacher's embeddings, [n, d], unit. @param bank [K, d], unit. @param temperature τ_t > 0.
 * @param mask [n, K], 1 = a candidate. Hidden candidates get exactly 0.
 * @returns [n, K], rows sum to 1.
 */
export function teacherDistribution(
  rows: tf.Tensor2D,
  bank: tf.Tensor2D,
  temperature: number,
  mask?: tf.Tensor2D,
): tf.Tensor2D {
  const logits: tf.Tensor2D = tf.div(tf.matMul(rows, bank, false, true), temperature);
  const probabilities = tf.exp(logSoftmax(logits, mask));
  return stopGradient((mask === undefined ? probabilities : tf.mul(probabilities, mask)) as tf.Tensor2D);
}

/** log max(p, 1.2e-38): finite for candidates that underflowed to 0. */
const safeLog = (p: tf.Tensor): tf.Tensor => tf.log(tf.maximum(p, MIN_PROBABILITY));

/** H(p) = −Σ_j p_j log p_j of each row in nats, [n]. */
export const entropy = (p: tf.Tensor2D): tf.Tensor1D => tf.neg(tf.sum(tf.mul(p, safeLog(p)), 1)) as tf.Tensor1D;

/**
 * Divergence of the student p_o = softmax(scores / τ_s) from the teacher p_t = the positives' weights, per anchor:
 *
 * - `crossEntropy`  −Σ p_t log p_o = KL(p_t ‖ p_o) + H(p_t); the official code's. Not 0 at the optimum.
 * - `reverseKl`     KL(p_o ‖ p_t).
 * - `symmetric`     ½ KL(p_t ‖ p_o) + ½ KL(p_o ‖ p_t).
 *
 * Teacher probabilities below 1.2e-38 count as 1.2e-38, so that the reverse direction stays finite. Gradient reaches the scores only.
 */
export const relationObjective = (divergence: Divergence): Objective => ({
  name: divergence,
  usesNegatives: false,
  losses: ({ positives, weights, masks }, { temperature }) => {
    const mask = masks[0];
    const crossEntropy = softTargetLoss({ positives, weights, negatives: [], masks }, temperature);
    if (divergence === 'crossEntropy') return crossEntropy;
    const logStudent = logSoftmax(tf.div(positives, temperature), mask);
    const shown = mask === undefined ? logStudent : tf.mul(logStudent, mask);
    const student = mask === undefined ? tf.exp(shown) : tf.mul(tf.exp(shown), mask);
    const reverse = tf.sum(tf.mul(student, tf.sub(shown, safeLog(weights))), 1);
    if (divergence === 'reverseKl') return reverse as tf.Tensor1D;
    const forward = tf.sub(crossEntropy, entropy(weights));
    return tf.mul(0.5, tf.add(forward, reverse)) as tf.Tensor1D;
  },
});
