import { SslError } from '@contrastive/core';
import type { Neighbours } from './nearest.js';

/** How much each of the first k neighbours counts: 1; exp((s − s_max) / T); 1 / (distance + epsilon). */
export type VoteRule =
  | { readonly kind: 'majority'; readonly k: number }
  | { readonly kind: 'exponential'; readonly k: number; readonly temperature: number }
  | { readonly kind: 'inverse-distance'; readonly k: number; readonly epsilon: number };

/**
 * Class scores of one row: Σ of the weights of its first k neighbours, by label.
 *
 * Exponential weights are relative to the nearest neighbour's, exp(s₁ / T): at T = 0.01 the plain weight overflows float32,
 * and dividing all by one number changes no prediction.
 *
 * @param labels of the bank. @param scores [classes], overwritten.
 * @throws SslError `BAD_OPTION` if the rule needs more neighbours than were searched.
 */
export function classScores(
  neighbours: Neighbours,
  row: number,
  labels: Int32Array,
  rule: VoteRule,
  scores: Float64Array,
): void {
  const { indices, values, k } = neighbours;
  if (rule.k > k) {
    throw new SslError('BAD_OPTION', `classScores: the vote needs ${rule.k} neighbours, but ${k} were searched.`);
  }
  scores.fill(0);
  const first = row * k;
  for (let j = first; j < first + rule.k; j++) {
    scores[labels[indices[j]!]!]! += weight(rule, values[j]!, values[first]!);
  }
}

function weight(rule: VoteRule, value: number, nearestValue: number): number {
  switch (rule.kind) {
    case 'majority':
      return 1;
    case 'exponential':
      return Math.exp((value - nearestValue) / rule.temperature);
    case 'inverse-distance':
      return 1 / (value + rule.epsilon);
  }
}

/** Classes ahead of `label`: larger score, or equal score and smaller label. */
export function rankOf(scores: ArrayLike<number>, label: number): number {
  const own = scores[label]!;
  let ahead = 0;
  for (let c = 0; c < scores.length; c++) if (scores[c]! > own || (scores[c]! === own && c < label)) ahead++;
  return ahead;
}
