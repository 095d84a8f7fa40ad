import { SslError } from '@contrastive/core';

/**
 * How a precision–recall curve becomes one number (they differ by points: always name the rule):
 * - `allPoint`: area under the curve made monotone from the right (ReCo, spec "evaluation" 5.3);
 * - `step`: Σ ΔR·P without making it monotone, equal scores taken together (scikit-learn);
 * - `elevenPoint`: mean over recall 0, 0.1, … 1 of the largest precision at that recall or more (VOC 2007);
 * - `point101`: the same over 0, 0.01, … 1 (COCO).
 */
export type ApRule = 'allPoint' | 'step' | 'elevenPoint' | 'point101';

export interface PrecisionRecall {
  /** After each rank, best score first. */
  readonly precision: Float64Array;
  readonly recall: Float64Array;
}

/**
 * Precision and recall after each rank, by descending score; equal scores keep their order.
 *
 * @param scores finite. @param labels 1 (or any number > 0) = positive, else negative.
 * @throws SslError `SHAPE_MISMATCH` if the lengths differ; `DATA` without positives (AP is not defined); `NOT_FINITE`.
 */
export function precisionRecall(scores: ArrayLike<number>, labels: ArrayLike<number>): PrecisionRecall {
  const order = ranking(scores, labels);
  const hits = Uint8Array.from(order, (i) => (labels[i]! > 0 ? 1 : 0));
  return curve(hits, countPositives(labels));
}

/** Precision and recall of a list of hits (1) and misses (0), of which `positives` could be found. */
export function curve(hits: Uint8Array, positives: number): PrecisionRecall {
  const precision = new Float64Array(hits.length);
  const recall = new Float64Array(hits.length);
  let found = 0;
  hits.forEach((hit, rank) => {
    found += hit;
    precision[rank] = found / (rank + 1);
    recall[rank] = found / positives;
  });
  return { precision, recall };
}

/**
 * Average precision of a ranking, in [0, 1]; 1 if all positives come first.
 *
 * @throws SslError as {@link precisionRecall}.
 * @example scores .9 .8 .7 .6 .5, labels 1 0 1 1 0: allPoint .833333, elevenPoint .840909, point101 .834158, step .805556.
 * Source: spec "evaluation" 5.3, section 6, worked example D.
 */
export function averagePrecision(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  rule: ApRule = 'allPoint',
): number {
  return rule === 'step' ? stepArea(scores, labels) : areaUnder(precisionRecall(scores, labels), rule);
}

/** {@link averagePrecision} of a given curve. */
export function areaUnder({ precision, recall }: PrecisionRecall, rule: Exclude<ApRule, 'step'>): number {
  const envelope = precision.slice();
  for (let i = envelope.length - 2; i >= 0; i--) envelope[i] = Math.max(envelope[i]!, envelope[i + 1]!);
  if (rule === 'allPoint') {
    return envelope.reduce((area, p, i) => area + p * (recall[i]! - (recall[i - 1] ?? 0)), 0);
  }
  const steps = rule === 'elevenPoint' ? 10 : 100;
  let sum = 0;
  for (let s = 0, i = 0; s <= steps; s++) {
    while (i < recall.length && recall[i]! < s / steps) i++;
    sum += envelope[i] ?? 0;
  }
  return sum / (steps + 1);
}

/** Mean over classes of {@link averagePrecision}; classes without positives are left out. @throws SslError `DATA` if none is left. */
export function meanAveragePrecision(
  classes: readonly { readonly scores: ArrayLike<number>; readonly labels: ArrayLike<number> }[],
  rule: ApRule = 'allPoint',
): number {
  const used = classes.filter(({ labels }) => countPositives(labels) > 0);
  if (used.length === 0) throw new SslError('DATA', 'meanAveragePrecision: no class has a positive label.');
  return used.reduce((sum, c) => sum + averagePrecision(c.scores, c.labels, rule), 0) / used.length;
}

function stepArea(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = ranking(scores, labels);
  const positives = countPositives(labels);
  let [area, found, before] = [0, 0, 0];
  order.forEach((i, rank) => {
    if (labels[i]! > 0) found++;
    const next = order[rank + 1];
    if (next !== undefined && scores[next] === scores[i]) return;
    area += ((found - before) / positives) * (found / (rank + 1));
    before = found;
  });
  return area;
}

function ranking(scores: ArrayLike<number>, labels: ArrayLike<number>): number[] {
  if (scores.length !== labels.length) {
    throw new SslError('SHAPE_MISMATCH', `averagePrecision: ${scores.length} scores, but ${labels.length} labels.`);
  }
  if (countPositives(labels) === 0) {
    throw new SslError(
      'DATA',
      `averagePrecision: none of ${labels.length} labels is positive, so that recall is not defined.`,
    );
  }
  const order = Array.from(scores as ArrayLike<number>, (_, i) => i);
  const bad = order.find((i) => !Number.isFinite(scores[i]));
  if (bad !== undefined) throw new SslError('NOT_FINITE', `averagePrecision: score ${bad} is ${scores[bad]}.`);
  return order.sort((a, b) => scores[b]! - scores[a]! || a - b);
}

function countPositives(labels: ArrayLike<number>): number {
  let positives = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i]! > 0) positives++;
  return positives;
}
