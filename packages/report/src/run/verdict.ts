import { shortNumber } from './describe.js';
import type { Run } from './run-reader.js';

export type VerdictKind =
  | 'healthy'
  | 'dimensional collapse'
  | 'complete collapse'
  | 'over-easy positives'
  | 'too early to say';

/** A judgement in plain language, with what it rests on. */
export interface Verdict {
  readonly kind: VerdictKind;
  /** What it means. */
  readonly meaning: string;
  /** The rule that decided, with the run's own numbers. */
  readonly rule: string;
}

/** Limits of the rules: ours, chosen on small runs; the papers give none. */
export const LIMITS = {
  /** Deviation of unit embeddings as a share of 1/√d, below which all images have almost one embedding. */
  spread: 0.1,
  /** Effective rank of the embedding as a share of what the batch allows, below which most directions are unused. */
  rank: 0.04,
  /** Mean positive cosine above which positives of a host with negatives teach little. */
  positive: 0.95,
} as const;

/**
 * Judges a run by the last tenth of its recorded steps (three at least).
 *
 * In this order: complete collapse (`std`·√d < 0.1), dimensional collapse (effective rank < 4 % of the most it can be), over-easy positives
 * (a host with negatives whose mean positive cosine is above 0.95), else healthy. `std` and rank are those of the embeddings of view 1;
 * spec "evaluation" section 8 and "ft" section 2.6 give the readings, the limits are ours.
 */
export function verdictOf(run: Run): Verdict {
  const spread = run.metrics.get('representation/embedding/spread')?.tail();
  const rank = run.metrics.get('representation/embedding/effectiveRank')?.tail();
  const spectrum = run.arrays.get('representation/embedding/spectrum')?.last?.values.length;
  if (spread === undefined || rank === undefined || spectrum === undefined) {
    return {
      kind: 'too early to say',
      meaning: 'Fewer than three steps with a full record were found.',
      rule: 'A verdict needs three recorded steps at least.',
    };
  }
  return complete(spread, rank) ?? dimensional(rank, spectrum) ?? tooEasy(run) ?? healthy(run, rank, spectrum);
}

function complete(spread: number, rank: number): Verdict | undefined {
  if (spread >= LIMITS.spread) return undefined;
  return {
    kind: 'complete collapse',
    meaning: 'All images get almost the same embedding: nothing tells them apart, and training will not bring it back.',
    rule: `The deviation of the embeddings is ${percent(spread)} of that of a uniform cloud, below ${percent(LIMITS.spread)} (effective rank ${shortNumber(rank)}).`,
  };
}

function dimensional(rank: number, size: number): Verdict | undefined {
  const share = rank / size;
  if (share >= LIMITS.rank) return undefined;
  return {
    kind: 'dimensional collapse',
    meaning: 'Embeddings differ, but only along a few directions: most dimensions are unused.',
    rule: `The effective rank is ${shortNumber(rank)} of at most ${size}, which is ${percent(share)}, below ${percent(LIMITS.rank)}.`,
  };
}

function tooEasy(run: Run): Verdict | undefined {
  const positive = run.metrics.get('scores/global/raw/posMean')?.tail();
  const hasNegatives = run.metrics.has('scores/global/raw/negMean');
  if (!hasNegatives || positive === undefined || positive <= LIMITS.positive) return undefined;
  return {
    kind: 'over-easy positives',
    meaning:
      'The two views of an image are nearly the same for the encoder, so positives teach little: stronger augmentation, or a slower target, would help.',
    rule: `The mean positive score is ${shortNumber(positive)}, above ${LIMITS.positive}.`,
  };
}

function healthy(run: Run, rank: number, size: number): Verdict {
  const positive = run.metrics.get('scores/global/raw/posMean')?.tail();
  const scores = positive === undefined ? '' : ` The mean positive score is ${shortNumber(positive)}.`;
  return {
    kind: 'healthy',
    meaning: 'Embeddings are spread over many directions, and positives are neither trivial nor out of reach.',
    rule: `The effective rank is ${shortNumber(rank)} of at most ${size} (${percent(rank / size)}, limit ${percent(LIMITS.rank)}).${scores}`,
  };
}

const percent = (share: number): string => `${Number((100 * share).toPrecision(3))} %`;
