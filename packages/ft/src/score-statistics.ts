import {
  type Block,
  blockScores,
  type Comparison,
  logSumExpOf,
  MAX_SCORE_ELEMENTS,
  rowsOf,
  type Scores,
  scoresOf,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** What is kept of the scores of n anchors. */
export interface ScoreRows {
  /**
   * [n, 5]: mean and unbiased variance of the anchor's negative scores, its positive score, mean of exp(negative / τ), exp(positive / τ).
   * NaN in the columns of negatives where there are none.
   */
  readonly rows: tf.Tensor2D;
  /** [n]: |∂loss/∂positive| of InfoNCE, (1 − p_positive) / τ. */
  readonly pull: tf.Tensor1D;
  /** [n]: Σ_j |∂loss/∂negative_j|, p_j / τ each; the same as `pull` where there is one positive. 0 without negatives. */
  readonly push: tf.Tensor1D;
  /** [n]: the largest of these: what the hardest negative alone gets. 0 without negatives. */
  readonly hardest: tf.Tensor1D;
}

/**
 * Five statistics of each anchor (spec "ft" section 2.6), from given scores.
 *
 * Masked candidates do not count. With several positives the positive score is their weighted mean.
 */
export function scoreRows({ positives, weights, negatives, masks }: Scores, temperature: number): ScoreRows {
  const counted = masks[0] === undefined ? weights : tf.mul(weights, masks[0]);
  const positive = tf.div(tf.sum(tf.mul(counted, positives), 1), tf.sum(counted, 1));
  const expPositive = tf.exp(tf.div(positive, temperature));
  const total = logSumExpOf([positives, ...negatives], temperature, masks);
  const pull = tf.div(tf.sub(1, tf.exp(tf.sub(tf.div(positive, temperature), total))), temperature) as tf.Tensor1D;
  const { push, hardest } = negativeWeights(negatives, masks.slice(1), temperature, total as tf.Tensor1D);
  const none = tf.mul(tf.onesLike(positive), Number.NaN);
  const { mean, variance, meanExp } =
    negatives.length === 0
      ? { mean: none, variance: none, meanExp: none }
      : negativeMoments(negatives, masks.slice(1), temperature);
  return { rows: tf.stack([mean, variance, positive, meanExp, expPositive], 1) as tf.Tensor2D, pull, push, hardest };
}

/** Gradients of InfoNCE with respect to the negative scores, e^{s_j/τ − total} / τ: their sum and their maximum for each anchor. */
function negativeWeights(
  blocks: Scores['negatives'],
  masks: Scores['masks'],
  temperature: number,
  total: tf.Tensor1D,
): Pick<ScoreRows, 'push' | 'hardest'> {
  const none = tf.zerosLike(total);
  const weights = blocks.map((scores, b) => {
    const share = tf.exp(tf.sub(tf.div(scores, temperature), tf.expandDims(total, 1)));
    return masks[b] === undefined ? share : tf.mul(share, masks[b]);
  });
  const perAnchor = (sums: readonly tf.Tensor[], join: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor) =>
    tf.div(sums.reduce(join, none), temperature) as tf.Tensor1D;
  return {
    push: perAnchor(
      weights.map((w) => tf.sum(w, 1)),
      tf.add,
    ),
    hardest: perAnchor(
      weights.map((w) => tf.max(w, 1)),
      tf.maximum,
    ),
  };
}

function negativeMoments(blocks: Scores['negatives'], masks: Scores['masks'], temperature: number) {
  const total = (parts: readonly tf.Tensor[]) => (parts.length === 1 ? parts[0]! : tf.addN([...parts]));
  /** Σ_j value(s_ij) over the candidates that count, [n]. */
  const sumOf = (value: (scores: tf.Tensor2D) => tf.Tensor) =>
    total(
      blocks.map((scores, b) => {
        const [values, mask] = [value(scores), masks[b]];
        return tf.sum(mask === undefined ? values : tf.mul(values, mask), 1);
      }),
    );
  const count = sumOf(tf.onesLike);
  const mean = tf.div(sumOf(tf.clone), count);
  const centre = tf.expandDims(mean, 1);
  const variance = tf.div(
    sumOf((s) => tf.square(tf.sub(s, centre))),
    tf.sub(count, 1),
  );
  return {
    mean,
    variance,
    meanExp: tf.div(
      sumOf((s) => tf.exp(tf.div(s, temperature))),
      count,
    ),
  };
}

/** The same for a whole comparison, scored in blocks of anchors where its score matrices would be too large. */
export function comparisonRows(
  comparison: Comparison,
  scores: Scores | undefined,
  maxElements = MAX_SCORE_ELEMENTS,
): ScoreRows {
  if (scores !== undefined) return scoreRows(scores, comparison.temperature);
  const n = comparison.anchors.shape[0];
  const columns = [comparison.positives, ...comparison.negatives].reduce((sum, b) => sum + rowsOf(b), 0);
  const size = Math.max(1, Math.floor(maxElements / columns));
  const parts: ScoreRows[] = [];
  for (let start = 0; start < n; start += size) {
    const part = sliceAnchors(comparison, start, Math.min(size, n - start));
    parts.push(tf.tidy(() => ({ ...scoreRows(scoresOf(part), comparison.temperature) })));
  }
  const joined = <K extends keyof ScoreRows>(key: K) => tf.concat(parts.map((p) => p[key])) as ScoreRows[K];
  return { rows: joined('rows'), pull: joined('pull'), push: joined('push'), hardest: joined('hardest') };
}

/** The comparison of the anchors [start, start + size). */
function sliceAnchors(c: Comparison, start: number, size: number): Comparison {
  const part = <T extends tf.Tensor>(t: T): T =>
    tf.slice(t, [start, ...t.shape.slice(1).map(() => 0)], [size, ...t.shape.slice(1)]) as T;
  const block = <B extends Block>(b: B): B => ({
    ...b,
    rows: b.kind === 'paired' ? part(b.rows) : b.rows,
    ...(b.weights === undefined ? {} : { weights: part(b.weights) }),
    ...(b.mask === undefined ? {} : { mask: part(b.mask) }),
    ...(b.anchors === undefined ? {} : { anchors: part(b.anchors) }),
  });
  return { ...c, anchors: part(c.anchors), positives: block(c.positives), negatives: c.negatives.map(block) };
}

/** Batch values of one step, scalars. Parsed as the official notebook does: means over anchors; `posVar` is a population variance. */
export interface ScoreSummary {
  readonly negMean: tf.Scalar;
  readonly negVar: tf.Scalar;
  readonly posMean: tf.Scalar;
  readonly posVar: tf.Scalar;
  readonly expNeg: tf.Scalar;
  readonly expPos: tf.Scalar;
}

/** @param rows [n, 5], see {@link ScoreRows}. */
export function summarizeScores(rows: tf.Tensor2D): ScoreSummary {
  const [negMean, negVar, posMean, expNeg, expPos] = tf.unstack(tf.mean(rows, 0)) as tf.Scalar[];
  const positives = tf.slice(rows, [0, 2], [-1, 1]);
  return {
    negMean: negMean!,
    negVar: negVar!,
    posMean: posMean!,
    posVar: tf.moments(positives).variance as tf.Scalar,
    expNeg: expNeg!,
    expPos: expPos!,
  };
}

/** Scores of a sample, flat, and which of them count (all, if undefined). */
export interface Sample {
  readonly values: tf.Tensor1D;
  readonly mask: tf.Tensor1D | undefined;
}

const SAMPLED_ANCHORS = 512;

/** At most `count` of 0 … size − 1, evenly spread. */
const spread = (size: number, count: number): tf.Tensor1D => {
  const taken = Math.min(size, count);
  return tf.tensor1d(
    Array.from({ length: taken }, (_, i) => Math.floor((i * size) / taken)),
    'int32',
  );
};

/** Scores of evenly spread anchors (at most 512) against evenly spread negatives (at most `count` of each block). */
export function sampleNegatives(c: Comparison, count: number): readonly Sample[] {
  if (!c.objective.usesNegatives) return [];
  const places = spread(c.anchors.shape[0], SAMPLED_ANCHORS);
  const flat = (t: tf.Tensor) => tf.reshape(t, [-1]) as tf.Tensor1D;
  return c.negatives.map((block) => {
    const columns = spread(rowsOf(block), count);
    const rows =
      block.kind === 'shared' ? tf.gather(block.rows, columns) : tf.gather(tf.gather(block.rows, places), columns, 1);
    const anchors = tf.gather(block.anchors ?? c.anchors, places);
    const scores = blockScores(anchors, { kind: block.kind, rows } as Block);
    const mask = block.mask && flat(tf.gather(tf.gather(block.mask, places), columns, 1));
    return { values: flat(scores), mask };
  });
}

/** One sample of several. */
export function joinSamples(samples: readonly Sample[]): Sample {
  const values = tf.concat(samples.map((s) => s.values));
  if (samples.every((s) => s.mask === undefined)) return { values, mask: undefined };
  return { values, mask: tf.concat(samples.map((s) => s.mask ?? tf.onesLike(s.values))) };
}

/** Counts in `bins` equal bins over [low, high], [bins]; what lies outside counts in the first or last bin. */
export function histogramOf(
  { values, mask }: Sample,
  { bins, range: [low, high] }: { readonly bins: number; readonly range: readonly [number, number] },
): tf.Tensor1D {
  const place = tf.floor(tf.mul(tf.sub(values, low), bins / (high - low)));
  const bin = tf.cast(tf.clipByValue(place, 0, bins - 1), 'int32');
  const counts = tf.expandDims(mask ?? tf.onesLike(values), 0) as tf.Tensor2D;
  const chunk = Math.max(1, Math.floor(2 ** 24 / bins)); // one-hot rows of at most 64 MiB
  const parts: tf.Tensor[] = [];
  for (let start = 0; start < values.size; start += chunk) {
    const size = Math.min(chunk, values.size - start);
    parts.push(
      tf.tidy(() => {
        // Not oneHot's own float32: the wasm backend writes integers into it.
        const oneHot = tf.cast(tf.oneHot(tf.slice(bin, start, size), bins), 'float32') as tf.Tensor2D;
        return tf.reshape(tf.matMul(tf.slice(counts, [0, start], [1, size]), oneHot), [bins]);
      }),
    );
  }
  return (parts.length === 1 ? parts[0]! : tf.addN(parts)) as tf.Tensor1D;
}

/** Quantiles at `levels` in [0, 1], the nearest value in order (no interpolation), [levels]. */
export function quantilesOf({ values, mask }: Sample, levels: readonly number[]): tf.Tensor1D {
  const visible =
    mask === undefined ? values : (tf.where(tf.greater(mask, 0), values, tf.fill(values.shape, -1e9)) as tf.Tensor1D);
  const descending = tf.topk(visible, values.size).values;
  const last = tf.sub(mask === undefined ? values.size : tf.sum(mask), 1);
  const places = tf.round(tf.mul(tf.sub(1, tf.tensor1d([...levels])), last));
  return tf.gather(descending, tf.cast(places, 'int32')) as tf.Tensor1D;
}
