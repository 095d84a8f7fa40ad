import {
  type Comparison,
  definePlugin,
  integerAtLeast,
  type OptionIssue,
  type Plugin,
  resolveOptions,
  type ScoredTerm,
  type Scores,
  type StepIo,
  type Tensors,
  termOf,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  comparisonRows,
  histogramOf,
  joinSamples,
  quantilesOf,
  type Sample,
  sampleNegatives,
  summarizeScores,
} from './score-statistics.js';

/** Levels of the recorded quantiles. */
export const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95] as const;

/** Options of {@link scoreRecorder}. All of them are ours, but for what is recorded per sample. */
export interface ScoreRecorderOptions {
  /** Loss terms whose scores are recorded; terms that a step does not have are left out. Default `['global']`. */
  readonly terms?: readonly string[];
  /** Bins of the histograms, ≥ 2. Default 50. */
  readonly bins?: number;
  /** Range of the histograms of the host's own scores, cosines. Default [−1, 1]. */
  readonly rawRange?: readonly [number, number];
  /** Range of the histograms of the scores that enter the loss. Default [−4, 4]: extrapolation reaches −4, its anchors have norm ≤ 3. */
  readonly transformedRange?: readonly [number, number];
  /** Negatives of a block, evenly spread, in histogram and quantiles (with at most 512 anchors), ≥ 1. Means and variances use all. Default 256. */
  readonly negativeSample?: number;
}

export const SCORE_RECORDER_DEFAULTS: Readonly<Required<ScoreRecorderOptions>> = {
  terms: ['global'],
  bins: 50,
  rawRange: [-1, 1],
  transformedRange: [-4, 4],
  negativeSample: 256,
};

type Resolved = Readonly<Required<ScoreRecorderOptions>>;

const check = (o: Resolved): readonly OptionIssue[] => [
  ...(Array.isArray(o.terms) && o.terms.length > 0
    ? []
    : [{ option: 'terms', problem: `must be a list of at least one term's name, but is ${o.terms}` }]),
  ...integerAtLeast(2, o, 'bins'),
  ...integerAtLeast(1, o, 'negativeSample'),
  ...(['rawRange', 'transformedRange'] as const).flatMap((option) =>
    o[option].length === 2 && o[option][0] < o[option][1]
      ? []
      : [{ option, problem: `must be [low, high] with low < high, but is [${o[option]}]` }],
  ),
];

/**
 * Records how positive and negative scores are distributed, for any host and any other plug-ins; it changes neither the loss nor
 * anybody's random numbers. List it last.
 *
 * For each term, `raw` (the host's own scores) and `transformed` (what enters the loss; the same where nobody edited the term):
 * `rows` [n, 5] (see `ScoreRows`; all comparisons of the term one after the other), the scalars `negMean`, `negVar`, `posMean`,
 * `posVar`, `expNeg`, `expPos`, `pullMean`, `pullVar` (gradient
 * |∂loss/∂positive| of InfoNCE), `pushMean`, `pushVar` (the sum of |∂loss/∂negative| of an anchor), `hardestMean` (the largest of them), `posQuantiles` and `negQuantiles` at
 * 5, 25, 50, 75, 95 %, `posHistogram` and `negHistogram` (the negative ones of a sample). Hosts without negatives have no `neg…` and no gradients. Everything is
 * computed inside the step, and only when the step's record is asked for where the runtime compiles.
 *
 * @example plugins: [ft(), scoreRecorder()] // metrics scores/global/raw/posMean, scores/global/transformed/posMean, …
 * @throws SslError `BAD_OPTION`.
 * Source: arXiv 2108.02982 and its plotting notebook; spec "ft" section 2.6.
 */
export function scoreRecorder(options: ScoreRecorderOptions = {}): Plugin {
  const o = resolveOptions<Resolved>('scoreRecorder', SCORE_RECORDER_DEFAULTS, options, check);
  return definePlugin({
    name: 'scores',
    options: { ...o },
    observe: (scored, io) =>
      Object.assign({}, ...scored.filter(({ term }) => o.terms.includes(term.name)).map((s) => recordTerm(o, s, io))),
  });
}

interface Scored {
  readonly comparison: Comparison;
  readonly scores: Scores | undefined;
}

function recordTerm(o: Resolved, { term, comparisons }: ScoredTerm, { hostTerms }: StepIo): Tensors {
  const known = hostTerms.some((t) => t.name === term.name);
  const own = known ? termOf('scoreRecorder', hostTerms, term.name).comparisons : [];
  // A comparison that nobody edited is not scored twice.
  const raw = own.map(
    (c): Scored => comparisons.find((s) => s.comparison === c) ?? { comparison: c, scores: undefined },
  );
  const stages = { ...(known ? { raw } : {}), transformed: comparisons };
  const entries = Object.entries(stages).flatMap(([stage, scored]) => {
    const range = stage === 'raw' ? o.rawRange : o.transformedRange;
    return Object.entries(record(o, scored, range)).map(([name, t]) => [`${term.name}/${stage}/${name}`, t]);
  });
  return Object.fromEntries(entries);
}

function record(o: Resolved, scored: readonly Scored[], range: readonly [number, number]): Tensors {
  const parts = scored.map(({ comparison, scores }) => comparisonRows(comparison, scores));
  const rows = tf.concat(parts.map((p) => p.rows)) as tf.Tensor2D;
  const { negMean, negVar, expNeg, ...positive } = summarizeScores(rows);
  const bins = { bins: o.bins, range };
  const shape = (name: 'pos' | 'neg', sample: Sample): Tensors => ({
    [`${name}Quantiles`]: quantilesOf(sample, QUANTILES),
    [`${name}Histogram`]: histogramOf(sample, bins),
  });
  const values = tf.reshape(tf.slice(rows, [0, 2], [-1, 1]), [-1]) as tf.Tensor1D;
  const result = { rows, ...positive, ...shape('pos', { values, mask: undefined }) };
  const sample = scored.flatMap(({ comparison }) => sampleNegatives(comparison, o.negativeSample));
  if (sample.length === 0) return result;
  const { mean: pullMean, variance: pullVar } = tf.moments(tf.concat(parts.map((p) => p.pull)));
  const { mean: pushMean, variance: pushVar } = tf.moments(tf.concat(parts.map((p) => p.push)));
  const hardestMean = tf.mean(tf.concat(parts.map((p) => p.hardest)));
  const gradients = { pullMean, pullVar, pushMean, pushVar, hardestMean };
  return { ...result, negMean, negVar, expNeg, ...gradients, ...shape('neg', joinSamples(sample)) };
}
