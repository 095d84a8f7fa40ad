import type { ScoredTerm, Tensors } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { entropy, relationObjective } from './relation.js';
import { INTERPOLATION, RELATION } from './terms.js';

const comparisonOf = (scored: readonly ScoredTerm[], term: string) =>
  scored.find((s) => s.term.name === term)?.comparisons[0];

/** `kl` of student from teacher and `teacherEntropy`, means in nats. */
export function relationMetrics(scored: readonly ScoredTerm[]): Tensors {
  const found = comparisonOf(scored, RELATION);
  if (found === undefined) return {};
  const { comparison, losses, scores } = found;
  const teacherEntropy = tf.mean(entropy(comparison.positives.weights as tf.Tensor2D));
  const isCross = comparison.objective.name === 'crossEntropy';
  if (!isCross && scores === undefined) return { teacherEntropy }; // scored in row blocks: no scores to take it from
  const cross = isCross ? losses : relationObjective('crossEntropy').losses(scores!, comparison);
  return { kl: tf.sub(tf.mean(cross), teacherEntropy), teacherEntropy };
}

/** `mixedCosine`, the mean of mixed image · mixed feature. */
export function cosineMetric(scored: readonly ScoredTerm[]): Tensors {
  const scores = comparisonOf(scored, INTERPOLATION)?.scores;
  return scores === undefined ? {} : { mixedCosine: tf.mean(scores.positives) };
}
