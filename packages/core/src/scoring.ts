import * as tf from '@tensorflow/tfjs-core';
import type { Block, Comparison, Objective, ScoredTerm, Scores, Term } from './comparison.js';
import { SslError } from './errors.js';
import { softTargetLoss } from './log-sum-exp.js';
import { recompute } from './stop-gradient.js';

/** Score matrices with more elements than this are computed in row blocks and again in the backward pass (64 Mi floats = 256 MiB). */
export const MAX_SCORE_ELEMENTS = 2 ** 26;

/** Inner products of anchors with a block's rows, [n, m]. */
export function blockScores(anchors: tf.Tensor2D, block: Block): tf.Tensor2D {
  const scored = block.anchors ?? anchors;
  if (block.kind === 'shared') return tf.matMul(scored, block.rows, false, true);
  return tf.sum(tf.mul(tf.expandDims(scored, 1), block.rows), 2) as tf.Tensor2D;
}

/** All scores of a comparison. Positives without weights count 1 each. */
export function scoresOf(comparison: Comparison): Scores {
  const { anchors, positives, negatives, objective } = comparison;
  const scored = blockScores(anchors, positives);
  const used = objective.usesNegatives ? negatives : [];
  return {
    positives: scored,
    weights: positives.weights ?? tf.onesLike(scored),
    negatives: used.map((block) => blockScores(anchors, block)),
    masks: [positives.mask, ...used.map((block) => block.mask)],
  };
}

/** Number of candidate rows of a block. */
export const rowsOf = (block: Block): number => (block.kind === 'shared' ? block.rows.shape[0] : block.rows.shape[1]);

/** Σ_p w_p (log Σ_c exp(s_c / τ) − s_p / τ) over all candidates c: InfoNCE with one positive of weight 1, soft targets with several. */
export const softmax: Objective = {
  name: 'softmax',
  usesNegatives: true,
  losses: (scores, { temperature }) => softTargetLoss(scores, temperature),
};

/** Weighted mean of `offset + slope · cos` over the positives: SimSiam (0, −1), BYOL (2, −2). */
export const cosine = (offset: number, slope: number): Objective => ({
  name: 'cosine',
  usesNegatives: false,
  losses: ({ positives, weights }) =>
    tf.add(offset, tf.mul(slope, tf.div(tf.sum(tf.mul(weights, positives), 1), tf.sum(weights, 1)))) as tf.Tensor1D,
});

/** Losses [n] of one comparison, and its scores unless they were computed in row blocks. */
export function scoreComparison(
  comparison: Comparison,
  maxElements = MAX_SCORE_ELEMENTS,
): { readonly losses: tf.Tensor1D; readonly scores: Scores | undefined } {
  checkComparison(comparison);
  const n = comparison.anchors.shape[0];
  const used = comparison.objective.usesNegatives ? comparison.negatives : [];
  const columns = [comparison.positives, ...used].reduce((sum, block) => sum + rowsOf(block), 0);
  const rows = Math.max(1, Math.floor(maxElements / columns));
  if (rows >= n) {
    const scores = scoresOf(comparison);
    return { losses: comparison.objective.losses(scores, comparison), scores };
  }
  const parts: tf.Tensor1D[] = [];
  for (let start = 0; start < n; start += rows) parts.push(scoreRows(comparison, start, Math.min(rows, n - start)));
  return { losses: tf.concat(parts), scores: undefined };
}

/** Losses of the anchors [start, start + size), whose scores are not kept but computed again in the backward pass. */
function scoreRows(comparison: Comparison, start: number, size: number): tf.Tensor1D {
  // The comparison is taken apart into tensors (what `recompute` differentiates) and a function that puts it together again.
  type Open<T> = (given: readonly tf.Tensor[]) => T;
  const tensors: tf.Tensor[] = [];
  const whole = <T extends tf.Tensor>(t: T): Open<T> => {
    const index = tensors.push(t) - 1;
    return (given) => given[index] as T;
  };
  const part = <T extends tf.Tensor>(t: T): Open<T> => {
    const rest = t.shape.slice(1);
    return whole(tf.slice(t, [start, ...rest.map(() => 0)], [size, ...rest]) as T);
  };
  const block = (b: Block): Open<Block> => {
    const rows = b.kind === 'shared' ? whole<tf.Tensor>(b.rows) : part<tf.Tensor>(b.rows);
    const perAnchor = { weights: b.weights, mask: b.mask, anchors: b.anchors };
    const optional = Object.entries(perAnchor).flatMap(([key, t]) =>
      t === undefined ? [] : [[key, part(t)] as const],
    );
    return (given) =>
      ({
        kind: b.kind,
        rows: rows(given),
        ...Object.fromEntries(optional.map(([key, get]) => [key, get(given)])),
      }) as Block;
  };
  const anchors = part(comparison.anchors);
  const positives = block(comparison.positives);
  const negatives = comparison.negatives.map(block);
  const losses = (...given: readonly tf.Tensor[]): tf.Tensor1D => {
    const rows: Comparison = {
      ...comparison,
      anchors: anchors(given),
      positives: positives(given),
      negatives: negatives.map((open) => open(given)),
    };
    return rows.objective.losses(scoresOf(rows), rows);
  };
  return recompute(losses)(...tensors);
}

/** Scores terms in order. `total` is the loss to descend: Σ weight × Σ share × mean(losses). */
export function scoreTerms(terms: readonly Term[]): {
  readonly total: tf.Scalar;
  readonly scored: readonly ScoredTerm[];
} {
  const names = terms.map((t) => t.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new SslError('INCOMPATIBLE', `Two loss terms are called ${twice}: each term needs a name of its own.`);
  }
  if (terms.length === 0) throw new SslError('INCOMPATIBLE', 'No loss term is left to score.');
  const scored = terms.map(scoreTerm);
  const weighted = scored.map(({ term, loss }) => (term.weight === 1 ? loss : tf.mul(loss, term.weight)));
  return { total: (weighted.length === 1 ? weighted[0]! : tf.addN(weighted)) as tf.Scalar, scored };
}

function scoreTerm(term: Term): ScoredTerm {
  const comparisons = term.comparisons.map((comparison) => ({ comparison, ...scoreComparison(comparison) }));
  const parts = comparisons.map(({ comparison, losses }) => {
    const mean = tf.mean(losses);
    return comparison.share === 1 ? mean : tf.mul(mean, comparison.share);
  });
  const loss = (parts.length === 1 ? parts[0]! : tf.addN(parts)) as tf.Scalar;
  return { term, loss, comparisons };
}

/** Rejects blocks whose shapes do not belong to the anchors, before a broadcast hides it. */
function checkComparison({ anchors, positives, negatives, temperature, from, to, objective }: Comparison): void {
  const [n, d] = anchors.shape;
  const problem = (what: string) =>
    new SslError(
      'SHAPE_MISMATCH',
      `comparison ${from} → ${to} (${objective.name}): ${what}; anchors are [${n}, ${d}].`,
    );
  if (!(temperature > 0)) {
    throw new SslError('BAD_OPTION', `comparison ${from} → ${to}: temperature is ${temperature}, but it must be > 0.`);
  }
  for (const block of [positives, ...negatives]) {
    const m = rowsOf(block);
    if (block.rows.shape[block.rows.rank - 1] !== d) throw problem(`rows are [${block.rows.shape}]`);
    if (block.kind === 'paired' && block.rows.shape[0] !== n) throw problem(`paired rows are [${block.rows.shape}]`);
    for (const t of [block.weights, block.mask]) {
      if (t !== undefined && (t.shape[0] !== n || t.shape[1] !== m))
        throw problem(`a weight or mask is [${t.shape}], not [${n}, ${m}]`);
    }
  }
}
