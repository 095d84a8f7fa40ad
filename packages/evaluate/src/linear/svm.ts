import { integerAtLeast, positive, Rng, resolveOptions, SslError } from '@contrastive/core';
import { averagePrecision } from '../dense/average-precision.js';
import { type FeatureMatrix, requireFeatures, requireSameDim, takeRows } from '../features.js';
import { type MeanInterval, meanInterval } from '../stats/intervals.js';
import { lbfgs } from './lbfgs.js';
import { products64 } from './products.js';

/**
 * Images with several classes each: `targets[row * classes + c]` is 1 (present), −1 (absent) or 0 (left out of training and test, as
 * VISSL does with "difficult" objects; ReCo counts those as −1: replace 0 by −1 to follow it).
 */
export interface MultiLabelFeatures extends FeatureMatrix {
  readonly classes: number;
  readonly targets: Int8Array;
}

export interface SvmOptions {
  /** Weight of the hinge terms, > 0. Default 0.5 (ReCo). */
  readonly C?: number;
  /** Factor of C for positives, > 0. Default 2 (ReCo); negatives have 1. */
  readonly positiveWeight?: number;
  /** Largest absolute gradient to stop at, > 0. Default 1e-6 (spec "evaluation" 5.1). */
  readonly tolerance?: number;
  /** Default 2000 (ReCo). */
  readonly maxIterations?: number;
}
export const SVM_DEFAULTS: Required<SvmOptions> = { C: 0.5, positiveWeight: 2, tolerance: 1e-6, maxIterations: 2000 };

export interface SvmFit {
  /** [dim]. */
  readonly weights: Float64Array;
  readonly bias: number;
  readonly objective: number;
  readonly converged: boolean;
}

/**
 * Two-class linear SVM with squared hinge, bias regularised as one more constant feature:
 *
 *   min  ½(‖w‖² + b²) + C·Σ cᵢ·max(0, 1 − yᵢ(w·fᵢ + b))²,   c = positiveWeight for y = 1, else 1
 *
 * Smooth and strictly convex: L-BFGS in float64 reaches the one optimum, which is LIBLINEAR's.
 *
 * @param features [n, d], used as given (see {@link normalizeForSvm}). @param targets [n], 1 or −1.
 * @throws SslError `DATA` unless both signs occur and all targets are 1 or −1; `SHAPE_MISMATCH`, `NOT_FINITE`, `BAD_OPTION`.
 * Source: spec "evaluation" 5.1.
 */
export async function fitSvm(
  features: FeatureMatrix,
  targets: ArrayLike<number>,
  options: SvmOptions = {},
): Promise<SvmFit> {
  const o = resolveOptions<Required<SvmOptions>>('fitSvm', SVM_DEFAULTS, options, (r) => [
    ...positive(r, 'C', 'positiveWeight', 'tolerance'),
    ...integerAtLeast(1, r, 'maxIterations'),
  ]);
  requireFeatures('fitSvm', 'features', features);
  requireSigns(targets, features.rows);
  const { rows, dim } = features;
  const products = products64(features, new Float64Array(dim));
  const found = await lbfgs(
    async (x, gradient) => {
      const bias = x[dim]!;
      const slopes = await products.forward(x.subarray(0, dim), 1);
      let value = bias ** 2 / 2;
      let biasSlope = bias;
      for (let i = 0; i < rows; i++) {
        const y = targets[i]!;
        const miss = Math.max(0, 1 - y * (slopes[i]! + bias));
        const weight = o.C * (y > 0 ? o.positiveWeight : 1);
        value += weight * miss ** 2;
        slopes[i] = -2 * weight * y * miss;
        biasSlope += slopes[i]!;
      }
      gradient.set(await products.backward(slopes, 1));
      for (let j = 0; j < dim; j++) {
        value += x[j]! ** 2 / 2;
        gradient[j]! += x[j]!;
      }
      gradient[dim] = biasSlope;
      return value;
    },
    new Float64Array(dim + 1),
    { tolerance: o.tolerance, maxIterations: o.maxIterations },
  );
  const weights = found.x.slice(0, dim);
  return { weights, bias: found.x[dim]!, objective: found.value, converged: found.stop === 'converged' };
}

/** Decision values w·f + b of every row. */
export async function svmScores({ weights, bias }: SvmFit, features: FeatureMatrix): Promise<Float64Array> {
  const scores = await products64(features, new Float64Array(features.dim)).forward(weights, 1);
  return scores.map((score) => score + bias);
}

/** Rows divided by (‖row‖ + 1e-5), as ReCo does before the SVM. */
export function normalizeForSvm({ data, rows, dim }: FeatureMatrix): FeatureMatrix {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) {
    let square = 0;
    for (let j = i * dim; j < (i + 1) * dim; j++) square += data[j]! ** 2;
    const norm = Math.sqrt(square) + 1e-5;
    for (let j = i * dim; j < (i + 1) * dim; j++) out[j] = data[j]! / norm;
  }
  return { data: out, rows, dim };
}

export interface LowShotOptions extends SvmOptions {
  /** Positive images a class; `'full'` trains once on everything. Default [1, 2, 4, 8, 16]. */
  readonly shots?: readonly (number | 'full')[];
  /** Draws for each number of shots, ≥ 1. Default 5. */
  readonly draws?: number;
  /** Of the draws: one stream runs through all of them. Default 0. */
  readonly seed?: number;
}
export const LOW_SHOT_DEFAULTS: Required<LowShotOptions> = {
  ...SVM_DEFAULTS,
  shots: [1, 2, 4, 8, 16],
  draws: 5,
  seed: 0,
};

export interface LowShotResult {
  readonly shots: number | 'full';
  /** Mean AP over classes (all-point) of every draw. */
  readonly maps: readonly number[];
  /** Mean over the draws with its 95 % interval; one draw has none. */
  readonly map: MeanInterval;
}

/**
 * Low-shot one-vs-rest classification with {@link fitSvm}, scored by all-point mAP, as ReCo does on VOC07: for every class its
 * positives are shuffled and the first k taken; the training set is what all classes took, so that an image may come repeatedly.
 *
 * Features are normalised inside ({@link normalizeForSvm}). Classes without positives in the test set are left out of mAP.
 * Single-label sets: see {@link oneVsRest}.
 *
 * @throws SslError `DATA` (a class has fewer than k positives, a test class is empty everywhere), `SHAPE_MISMATCH`, `NOT_FINITE`, `BAD_OPTION`.
 * Source: spec "evaluation" 5.1 and 5.3.
 */
export async function lowShotSvm(
  train: MultiLabelFeatures,
  test: MultiLabelFeatures,
  options: LowShotOptions = {},
): Promise<LowShotResult[]> {
  const o = resolveOptions<Required<LowShotOptions>>('lowShotSvm', LOW_SHOT_DEFAULTS, options, (r) => [
    ...integerAtLeast(1, r, 'draws'),
    ...integerAtLeast(0, r, 'seed'),
    ...r.shots.filter((k) => k !== 'full').flatMap((shots) => integerAtLeast(1, { shots }, 'shots')),
  ]);
  const { C, positiveWeight, tolerance, maxIterations } = o;
  const svm = { C, positiveWeight, tolerance, maxIterations };
  requireTargets('train', train);
  requireTargets('test', test);
  requireSameDim('lowShotSvm', train, test);
  const [bank, held] = [normalizeForSvm(train), normalizeForSvm(test)];
  const rng = Rng.create(o.seed).fork('low-shot');
  const results: LowShotResult[] = [];
  for (const shots of o.shots) {
    const maps: number[] = [];
    for (let draw = 0; draw < (shots === 'full' ? 1 : o.draws); draw++) {
      const rows =
        shots === 'full' ? Int32Array.from({ length: train.rows }, (_, i) => i) : drawShots(train, shots, rng);
      maps.push(await meanApOf(bank, train, rows, held, test, svm));
    }
    results.push({ shots, maps, map: meanInterval(maps) });
  }
  return results;
}

/** Single-label features as {@link MultiLabelFeatures}: 1 for the row's class, −1 for all others. */
export function oneVsRest(
  features: FeatureMatrix & { readonly labels: Int32Array },
  classes: number,
): MultiLabelFeatures {
  const { data, rows, dim, labels } = features;
  const targets = new Int8Array(rows * classes).fill(-1);
  labels.forEach((label, i) => {
    if (label < 0 || label >= classes)
      throw new SslError('DATA', `oneVsRest: row ${i} has label ${label}, of ${classes} classes.`);
    targets[i * classes + label] = 1;
  });
  return { data, rows, dim, classes, targets };
}

function drawShots({ rows, classes, targets }: MultiLabelFeatures, shots: number, rng: Rng): Int32Array {
  const drawn: number[] = [];
  for (let c = 0; c < classes; c++) {
    const positives = Array.from({ length: rows }, (_, i) => i).filter((i) => targets[i * classes + c] === 1);
    if (positives.length < shots) {
      throw new SslError(
        'DATA',
        `lowShotSvm: class ${c} has ${positives.length} positives, but ${shots} shots were asked for.`,
      );
    }
    const order = rng.permutation(positives.length);
    for (let k = 0; k < shots; k++) drawn.push(positives[order[k]!]!);
  }
  return Int32Array.from(drawn);
}

async function meanApOf(
  bank: FeatureMatrix,
  train: MultiLabelFeatures,
  rows: Int32Array,
  held: FeatureMatrix,
  test: MultiLabelFeatures,
  svm: SvmOptions,
): Promise<number> {
  const aps: number[] = [];
  for (let c = 0; c < train.classes; c++) {
    const tested = columnOf(test, c);
    const testRows = [...tested.keys()].filter((i) => tested[i] !== 0);
    if (!testRows.some((i) => tested[i] === 1)) continue;
    const targets = columnOf(train, c);
    const used = rows.filter((i) => targets[i] !== 0);
    const fit = await fitSvm(
      takeRows(bank, used),
      Array.from(used, (i) => targets[i]!),
      svm,
    );
    const scores = await svmScores(fit, held);
    aps.push(
      averagePrecision(
        testRows.map((i) => scores[i]!),
        testRows.map((i) => tested[i]!),
      ),
    );
  }
  if (aps.length === 0) throw new SslError('DATA', 'lowShotSvm: no class has a positive test image.');
  return aps.reduce((a, b) => a + b, 0) / aps.length;
}

const columnOf = ({ rows, classes, targets }: MultiLabelFeatures, c: number): Int8Array =>
  Int8Array.from({ length: rows }, (_, i) => targets[i * classes + c]!);

function requireTargets(name: string, features: MultiLabelFeatures): void {
  requireFeatures('lowShotSvm', name, features);
  const { rows, classes, targets } = features;
  if (targets.length !== rows * classes) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `lowShotSvm: ${name} has ${targets.length} targets, but must have ${rows} × ${classes}.`,
    );
  }
}

function requireSigns(targets: ArrayLike<number>, rows: number): void {
  if (targets.length !== rows)
    throw new SslError('SHAPE_MISMATCH', `fitSvm: ${rows} rows, but ${targets.length} targets.`);
  const values = Array.from(targets);
  const bad = values.findIndex((y) => y !== 1 && y !== -1);
  if (bad >= 0) throw new SslError('DATA', `fitSvm: target ${bad} is ${values[bad]}, but must be 1 or −1.`);
  if (!values.includes(1) || !values.includes(-1)) {
    throw new SslError('DATA', `fitSvm: all ${rows} targets are ${values[0]}, but both signs are needed.`);
  }
}
