import { nonNegative, Rng, SslError } from '@contrastive/core';
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import {
  columnMeans,
  type LabelledFeatures,
  requireLabelled,
  requireTwoClasses,
  takeRows,
  unitRows,
} from '../features.js';
import { gram } from '../quality/spectrum.js';
import { otherRows } from '../splits.js';
import { type LinearClassifier, scoreClassifier } from './classifier.js';
import { products64 } from './products.js';

/** Strengths tried by {@link fitRidge}, in units of the mean variance times the rows: scale-free. */
export const RIDGE_LAMBDAS: readonly number[] = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10];
const FOLDS = 5;

export interface RidgeFit extends LinearClassifier {
  readonly protocol: 'ridge classifier (quick)';
  /** The chosen strength, relative. */
  readonly lambda: number;
  /** Cross-validated accuracy of every strength tried. */
  readonly accuracies: readonly { readonly lambda: number; readonly accuracy: number }[];
}

/**
 * Ridge classifier: least squares to one-hot targets with an un-penalised intercept,  W = (XᵀX + λ·v·I)⁻¹XᵀY  on centred X, v = trace(XᵀX)/d; λ
 * by 5-fold cross-validation (ties: the larger). A quick probe in closed form; not comparable to linear accuracy.
 *
 * @param options.lambdas strengths to try, ≥ 0; default {@link RIDGE_LAMBDAS}. @param options.seed of the folds, default 0.
 * @throws SslError `DATA` (one class, fewer rows than folds), `SHAPE_MISMATCH`, `NOT_FINITE`, `BAD_OPTION`. Source: spec "evaluation" 3.3.
 */
export async function fitRidge(
  train: LabelledFeatures,
  { lambdas = RIDGE_LAMBDAS, seed = 0 }: { readonly lambdas?: readonly number[]; readonly seed?: number } = {},
): Promise<RidgeFit> {
  const issues = lambdas.flatMap((lambda) => nonNegative({ lambda }, 'lambda'));
  if (issues.length > 0 || lambdas.length === 0) {
    throw new SslError('BAD_OPTION', `fitRidge: lambda ${issues[0]?.problem ?? 'must be given at least once'}.`);
  }
  requireLabelled('fitRidge', 'train', train);
  const classes = requireTwoClasses('fitRidge', train.labels);
  if (train.rows < FOLDS) throw new SslError('DATA', `fitRidge: ${train.rows} rows make no ${FOLDS} folds.`);
  const order = Rng.create(seed).fork('ridge').permutation(train.rows);
  const correct = lambdas.map(() => 0);
  for (let fold = 0; fold < FOLDS; fold++) {
    const held = order.filter((_, i) => i % FOLDS === fold);
    const normal = await normalEquations(takeRows(train, otherRows(train.rows, held)), classes);
    for (const [l, lambda] of lambdas.entries()) {
      correct[l]! += (await scoreClassifier(solveRidge(normal, lambda), takeRows(train, held))).top1.correct;
    }
  }
  const accuracies = lambdas.map((lambda, l) => ({ lambda, accuracy: correct[l]! / train.rows }));
  const best = accuracies.reduce((a, b) =>
    b.accuracy > a.accuracy || (b.accuracy === a.accuracy && b.lambda > a.lambda) ? b : a,
  );
  const fit = solveRidge(await normalEquations(train, classes), best.lambda);
  return { ...fit, protocol: 'ridge classifier (quick)', lambda: best.lambda, accuracies };
}

interface NormalEquations {
  readonly dim: number;
  readonly classes: number;
  readonly mean: Float64Array;
  /** Class shares: the mean of the one-hot targets. */
  readonly shares: Float64Array;
  readonly scatter: Float64Array;
  /** XᵀY on centred X, [dim, classes]. */
  readonly right: Float64Array;
}

async function normalEquations(train: LabelledFeatures, classes: number): Promise<NormalEquations> {
  const { rows, dim, labels } = train;
  const mean = columnMeans(train);
  const targets = new Float64Array(rows * classes);
  const shares = new Float64Array(classes);
  labels.forEach((label, i) => {
    targets[i * classes + label] = 1;
    shares[label]! += 1 / rows;
  });
  const right = await products64(train, mean).backward(targets, classes);
  return { dim, classes, mean, shares, scatter: gram(train, mean), right };
}

function solveRidge({ dim, classes, mean, shares, scatter, right }: NormalEquations, lambda: number): LinearClassifier {
  const left = Matrix.from1DArray(dim, dim, scatter);
  const unit = left.trace() / dim;
  // A bare minimum keeps the system solvable where features depend on each other; constant features (unit 0) get weight 0.
  const strength = unit === 0 ? 1 : Math.max(lambda, 1e-10) * unit;
  for (let j = 0; j < dim; j++) left.set(j, j, left.get(j, j) + strength);
  const solution = new CholeskyDecomposition(left).solve(Matrix.from1DArray(dim, classes, right));
  const weights = Float64Array.from(solution.to1DArray());
  const intercept = shares.slice();
  weights.forEach((w, i) => {
    intercept[i % classes]! -= mean[Math.floor(i / classes)]! * w;
  });
  return { dim, classes, weights, intercept };
}

/**
 * Nearest class mean by cosine: every class is the mean of its unit rows, made unit again; the scores are linear, so the result is a
 * {@link LinearClassifier} (score it on raw features: their norm changes no prediction). A quick probe.
 *
 * A class without rows never wins. @throws SslError `DATA`, `SHAPE_MISMATCH`, `NOT_FINITE`. Source: spec "evaluation" 3.3.
 */
export function nearestClassMean(train: LabelledFeatures): LinearClassifier {
  requireLabelled('nearestClassMean', 'train', train);
  const classes = requireTwoClasses('nearestClassMean', train.labels);
  const { dim } = train;
  const means = new Float32Array(classes * dim);
  const { data } = unitRows(train);
  const seen = new Uint8Array(classes);
  train.labels.forEach((label, i) => {
    seen[label] = 1;
    for (let j = 0; j < dim; j++) means[label * dim + j]! += data[i * dim + j]!;
  });
  const directions = unitRows({ data: means, rows: classes, dim }).data;
  const weights = Float64Array.from(
    { length: dim * classes },
    (_, i) => directions[(i % classes) * dim + Math.floor(i / classes)]!,
  );
  return { dim, classes, weights, intercept: Float64Array.from(seen, (s) => (s ? 0 : Number.NEGATIVE_INFINITY)) };
}
