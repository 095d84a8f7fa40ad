import { integerAtLeast, oneOf, positive, resolveOptions, SslError } from '@contrastive/core';
import { countClasses, type LabelledFeatures, requireLabelled } from '../features.js';
import { type Accuracy, accuracyOf } from '../stats/accuracy.js';
import { type KnnMetric, type Neighbours, nearest } from './nearest.js';
import { classScores, rankOf, type VoteRule } from './vote.js';

export interface PlainKnnOptions {
  /** Neighbours that vote, ≥ 1. Default 5. */
  readonly k?: number;
}
export const PLAIN_KNN_DEFAULTS: Required<PlainKnnOptions> = { k: 5 };

/** One kNN number with all that it depends on. */
export interface KnnResult {
  /** For example `kNN-200 cosine T=0.1`, `5-NN euclidean majority`. */
  readonly protocol: string;
  /** Neighbours used: the bank's size if more were asked for. */
  readonly k: number;
  /** Not set for a majority vote and for inverse distances. */
  readonly temperature?: number;
  readonly bankSize: number;
  /** Predicted class of every test row. */
  readonly predictions: Int32Array;
  readonly top1: Accuracy;
  /** `undefined` below 5 classes or 5 neighbours. */
  readonly top5: Accuracy | undefined;
}

/**
 * Plain k-nearest neighbours as in W-MSE: raw features, Euclidean distance, every neighbour counts 1. Ties go to the smallest
 * label. A test label that the bank lacks counts as a mistake.
 *
 * @throws SslError `DATA`, `SHAPE_MISMATCH`, `NOT_FINITE`, `BAD_OPTION`.
 * Source: spec "evaluation" 2.1.
 */
export async function plainKnn(
  bank: LabelledFeatures,
  test: LabelledFeatures,
  options: PlainKnnOptions = {},
): Promise<KnnResult> {
  const o = resolveOptions<Required<PlainKnnOptions>>('plainKnn', PLAIN_KNN_DEFAULTS, options, (r) =>
    integerAtLeast(1, r, 'k'),
  );
  requireLabelled('plainKnn', 'bank', bank);
  requireLabelled('plainKnn', 'test', test);
  const neighbours = await nearest(bank, test, { k: o.k, metric: 'euclidean' });
  const protocol = `${neighbours.k}-NN euclidean majority`;
  return { protocol, ...classify(neighbours, bank, test, { kind: 'majority', k: neighbours.k }) };
}

export interface WeightedKnnOptions {
  /** Numbers of neighbours. Default [200] (MoCo, lightly). */
  readonly k?: readonly number[];
  /** Temperatures, > 0, in units of the similarity. Default [0.1, 0.07]. Not used by `euclidean`. */
  readonly temperature?: readonly number[];
  /** `cosine` (default); `dot`: raw dot product (VISSL's default); `euclidean`: weight 1 / (distance + epsilon) (solo-learn). */
  readonly metric?: KnnMetric;
  /** Of the `euclidean` weight, > 0. Default 1e-5. */
  readonly epsilon?: number;
}
export const WEIGHTED_KNN_DEFAULTS: Required<WeightedKnnOptions> = {
  k: [200],
  temperature: [0.1, 0.07],
  metric: 'cosine',
  epsilon: 1e-5,
};

/** Settings of published code (spec "evaluation" 2.2). */
export const KNN_PRESETS = {
  /** MoCo's CIFAR demo, lightly's ResNet benchmarks. */
  moco: { k: [200], temperature: [0.1] },
  /** lightly's ViT benchmarks. */
  lightlyVit: { k: [200], temperature: [0.07] },
  /** VISSL's default, which does not normalise. */
  vissl: { k: [200], temperature: [0.1], metric: 'dot' },
  /** mmselfsup, DINO. */
  dino: { k: [10, 20, 100, 200], temperature: [0.07] },
  /** solo-learn's class default. */
  soloLearn: { k: [20], temperature: [0.07] },
  soloLearnEuclidean: { k: [20], metric: 'euclidean' },
  /** solo-learn's sweep script. */
  soloLearnSweep: { k: [1, 2, 5, 10, 20, 50, 100, 200], temperature: [0.01, 0.02, 0.05, 0.07, 0.1, 0.2, 0.5, 1] },
} as const satisfies Record<string, WeightedKnnOptions>;

/** K for a bank of this size: 20 below 10,000 rows, else 200 (spec "evaluation" 2.2). */
export const defaultK = (bankSize: number): number => (bankSize < 10_000 ? 20 : 200);

/**
 * Weighted k-nearest neighbours (InstDisc, MoCo, DINO): score[c] = Σ over the K most similar bank rows of class c of
 * exp(s / T); the prediction is the largest score, top-5 the five largest; ties go to the smallest label.
 *
 * The neighbours of the largest K are searched once; every pair (K, T) is then only a vote. Results are ordered by K, then T.
 * The number of classes comes from the bank's labels. K above the bank's size means the whole bank (equal K are reported once).
 *
 * @throws SslError `DATA`, `SHAPE_MISMATCH`, `NOT_FINITE`, `BAD_OPTION`.
 * @example bank at 10°, −20°, 30°, 60°, 100° with labels 0, 1, 1, 0, 1 and test 0°: K = 3 gives class 0 at T = 0.07 and 1 at T = 1.
 * Source: spec "evaluation" 2.2 and worked example A.
 */
export async function weightedKnn(
  bank: LabelledFeatures,
  test: LabelledFeatures,
  options: WeightedKnnOptions = {},
): Promise<KnnResult[]> {
  const o = resolveOptions<Required<WeightedKnnOptions>>('weightedKnn', WEIGHTED_KNN_DEFAULTS, options, (r) => [
    ...r.k.flatMap((k) => integerAtLeast(1, { k }, 'k')),
    ...r.temperature.flatMap((temperature) => positive({ temperature }, 'temperature')),
    ...oneOf(r, 'metric', ['cosine', 'dot', 'euclidean']),
    ...positive(r, 'epsilon'),
    ...(r.k.length > 0 ? [] : [{ option: 'k', problem: 'must name at least one number' }]),
    ...(r.temperature.length > 0 ? [] : [{ option: 'temperature', problem: 'must name at least one number' }]),
  ]);
  requireLabelled('weightedKnn', 'bank', bank);
  requireLabelled('weightedKnn', 'test', test);
  const neighbours = await nearest(bank, test, { k: Math.max(...o.k), metric: o.metric });
  const ks = [...new Set(o.k.map((k) => Math.min(k, neighbours.k)))];
  return ks.flatMap((k) => {
    if (o.metric === 'euclidean') {
      const rule: VoteRule = { kind: 'inverse-distance', k, epsilon: o.epsilon };
      return [{ protocol: `kNN-${k} euclidean 1/d`, ...classify(neighbours, bank, test, rule) }];
    }
    return o.temperature.map((temperature) => {
      const rule: VoteRule = { kind: 'exponential', k, temperature };
      const protocol = `kNN-${k} ${o.metric} T=${temperature}`;
      return { protocol, temperature, ...classify(neighbours, bank, test, rule) };
    });
  });
}

type Classified = Omit<KnnResult, 'protocol' | 'temperature'>;

function classify(neighbours: Neighbours, bank: LabelledFeatures, test: LabelledFeatures, rule: VoteRule): Classified {
  const classes = countClasses(bank.labels);
  const scores = new Float64Array(classes);
  const predictions = new Int32Array(test.rows);
  let correct = 0;
  let inTop5 = 0;
  for (let i = 0; i < test.rows; i++) {
    classScores(neighbours, i, bank.labels, rule, scores);
    let best = 0;
    for (let c = 1; c < classes; c++) if (scores[c]! > scores[best]!) best = c;
    predictions[i] = best;
    const label = test.labels[i]!;
    if (best === label) correct++;
    if (label < classes && rankOf(scores, label) < 5) inTop5++;
  }
  return {
    k: rule.k,
    bankSize: bank.rows,
    predictions,
    top1: accuracyOf(correct, test.rows),
    top5: classes >= 5 && rule.k >= 5 ? accuracyOf(inTop5, test.rows) : undefined,
  };
}

export interface NeighbourQuality {
  readonly k: number;
  /** Mean share of the k neighbours with the row's own label. */
  readonly purity: number;
  /** Mean average precision of retrieving rows of the own label among the k neighbours; see {@link neighbourQuality}. */
  readonly retrievalMap: number;
}

/**
 * Label agreement of the cosine neighbours within one set, each row left out of its own list: purity = share of equal labels;
 * retrieval mAP@k = mean over rows of Σ_r precision(r)·hit(r) / min(k, rows of the label − 1). Rows whose label occurs once
 * cannot be retrieved and are left out of both.
 *
 * @param k neighbours; default 20. @throws SslError `DATA` if no label occurs twice.
 * Source: spec "evaluation" section 8 (last row).
 */
export async function neighbourQuality(features: LabelledFeatures, k = 20): Promise<NeighbourQuality> {
  requireLabelled('neighbourQuality', 'features', features);
  const { labels } = features;
  const counts = new Int32Array(countClasses(labels));
  for (const label of labels) counts[label]!++;
  if (counts.every((count) => count < 2)) {
    throw new SslError('DATA', 'neighbourQuality: no label occurs twice, so that no row has a neighbour to find.');
  }
  const found = await nearest(features, features, { k, excludeSelf: true });
  let [purity, map, used] = [0, 0, 0];
  for (let i = 0; i < features.rows; i++) {
    const others = counts[labels[i]!]! - 1;
    if (others === 0) continue;
    let [hits, precision] = [0, 0];
    for (let r = 0; r < found.k; r++) {
      if (labels[found.indices[i * found.k + r]!] !== labels[i]) continue;
      hits++;
      precision += hits / (r + 1);
    }
    purity += hits / found.k;
    map += precision / Math.min(found.k, others);
    used++;
  }
  return { k: found.k, purity: purity / used, retrievalMap: map / used };
}
