import { integerAtLeast, positive, resolveOptions } from '@contrastive/core';
import { type LabelledFeatures, requireLabelled, requireTwoClasses } from '../features.js';
import type { LinearClassifier } from './classifier.js';
import { lbfgs, type Minimum, type Objective } from './lbfgs.js';
import { centreOf, type Products, products64, productsOnDevice } from './products.js';

export interface LogisticOptions {
  /** Inverse strength of the L2 penalty, > 0; scikit-learn's `C`. Default 1. */
  readonly C?: number;
  /** Largest absolute gradient of the mean loss at which to stop. > 0. Default 1e-4. */
  readonly tolerance?: number;
  /** Default 1000. */
  readonly maxIterations?: number;
  /** Default true; the intercept is never penalised. */
  readonly fitIntercept?: boolean;
}
export const LOGISTIC_DEFAULTS: Required<LogisticOptions> = {
  C: 1,
  tolerance: 1e-4,
  maxIterations: 1000,
  fitIntercept: true,
};

export interface LogisticFit extends LinearClassifier {
  readonly C: number;
  /** Mean cross-entropy + penalty at the optimum, float64. */
  readonly objective: number;
  /** Largest absolute gradient entry, float64, over the raw (un-centred) parameters. */
  readonly gradientMax: number;
  readonly iterations: number;
  /** `false` if the iteration limit or the rounding of the objective came first: say so next to the number. */
  readonly converged: boolean;
}

/** Multiply-adds of one product up to which all of it runs in float64 (about 20 ms each). */
const SMALL_PROBLEM = 2e7;

/**
 * Multinomial logistic regression on raw features by L-BFGS (memory 10, start 0, deterministic):
 *
 *   min over W, b of  (1/n)·Σ CE(yᵢ, W·fᵢ + b) + ‖W‖² / (2·C·n)
 *
 * the objective of scikit-learn's `LogisticRegression` for three or more classes; for two classes scikit-learn's sigmoid
 * equals this one at C/2. The intercepts come with mean zero (a common constant changes nothing).
 *
 * Large problems run with float32 products on the tensor backend, softmax and sums in float64; the optimum is then checked, and
 * finished if need be, in float64, so `objective` and `gradientMax` hold in float64 always. 50,000 × 512 with 10
 * classes takes seconds on two cores.
 *
 * @param train features [n, d], labels; the number of classes is the largest label + 1. A class without rows gets probability → 0.
 * @throws SslError `DATA` (no or one class), `SHAPE_MISMATCH`, `NOT_FINITE`, `BAD_OPTION`.
 * Source: spec "evaluation" 3.2.
 */
export async function fitLogistic(train: LabelledFeatures, options: LogisticOptions = {}): Promise<LogisticFit> {
  const o = resolveOptions<Required<LogisticOptions>>('fitLogistic', LOGISTIC_DEFAULTS, options, (r) => [
    ...positive(r, 'C', 'tolerance'),
    ...integerAtLeast(1, r, 'maxIterations'),
  ]);
  requireLabelled('fitLogistic', 'train', train);
  const classes = requireTwoClasses('fitLogistic', train.labels);
  const mean = centreOf(train, o.fitIntercept);
  const size = (train.dim + 1) * classes;
  const gradientSize = (g: Float64Array) => rawGradientMax(g, mean, train.dim, classes);
  const run = async (products: Products, start: Float64Array, maxIterations: number): Promise<Minimum> => {
    try {
      const objective = crossEntropy(products, train, classes, o.C, o.fitIntercept);
      return await lbfgs(objective, start, { tolerance: o.tolerance, maxIterations, gradientSize });
    } finally {
      products.dispose();
    }
  };
  let start: Float64Array = new Float64Array(size);
  let iterations = 0;
  if (train.rows * train.dim * classes > SMALL_PROBLEM) {
    const rough = await run(productsOnDevice(train, mean), start, o.maxIterations);
    start = rough.x;
    iterations = rough.iterations;
  }
  // A limit of 1 where the device used all iterations: the evaluation at the start is what is wanted.
  const final = await run(products64(train, mean), start, Math.max(1, o.maxIterations - iterations));
  return {
    ...unpack(final.x, mean, train.dim, classes),
    C: o.C,
    objective: final.value,
    gradientMax: final.gradientSize,
    iterations: iterations + final.iterations,
    converged: final.stop === 'converged',
  };
}

/** Parameters: W [dim, classes], then b [classes]. */
function crossEntropy(
  products: Products,
  { rows, dim, labels }: LabelledFeatures,
  classes: number,
  C: number,
  fitIntercept: boolean,
): Objective {
  const penalty = 1 / (C * rows);
  return async (x, gradient) => {
    const weights = x.subarray(0, dim * classes);
    const intercept = x.subarray(dim * classes);
    const logits = await products.forward(weights, classes);
    const { loss, bias } = softmaxResiduals(logits, intercept, labels, classes);
    gradient.set(await products.backward(logits, classes));
    let square = 0;
    for (let i = 0; i < weights.length; i++) {
      square += weights[i]! ** 2;
      gradient[i]! += penalty * weights[i]!;
    }
    if (fitIntercept) gradient.set(bias, dim * classes);
    return loss + (penalty * square) / 2;
  };
}

/** Turns logits (without intercept) into (softmax − one-hot)/n in place; also gives the mean loss and the column sums. */
function softmaxResiduals(
  logits: Float64Array,
  intercept: Float64Array,
  labels: Int32Array,
  classes: number,
): { loss: number; bias: Float64Array } {
  const n = labels.length;
  const bias = new Float64Array(classes);
  let loss = 0;
  for (let i = 0; i < n; i++) {
    const first = i * classes;
    let max = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) {
      logits[first + c]! += intercept[c]!;
      if (logits[first + c]! > max) max = logits[first + c]!;
    }
    const own = logits[first + labels[i]!]!;
    let sum = 0;
    for (let c = first; c < first + classes; c++) {
      logits[c] = Math.exp(logits[c]! - max);
      sum += logits[c]!;
    }
    loss += Math.log(sum) + max - own;
    for (let c = 0; c < classes; c++) {
      const residual = (logits[first + c]! / sum - (c === labels[i] ? 1 : 0)) / n;
      logits[first + c] = residual;
      bias[c]! += residual;
    }
  }
  return { loss: loss / n, bias };
}

/** Largest entry of the gradient over raw parameters: that of W is the centred one + μ·(gradient of b)ᵀ. */
function rawGradientMax(gradient: Float64Array, mean: Float64Array, dim: number, classes: number): number {
  let largest = 0;
  for (let j = 0; j <= dim; j++) {
    for (let c = 0; c < classes; c++) {
      const shift = j < dim ? mean[j]! * gradient[dim * classes + c]! : 0;
      largest = Math.max(largest, Math.abs(gradient[j * classes + c]! + shift));
    }
  }
  return largest;
}

/** Undoes the centring; intercepts with mean zero. */
function unpack(x: Float64Array, mean: Float64Array, dim: number, classes: number): LinearClassifier {
  const weights = x.slice(0, dim * classes);
  const intercept = x.slice(dim * classes);
  for (let j = 0; j < dim; j++) for (let c = 0; c < classes; c++) intercept[c]! -= mean[j]! * weights[j * classes + c]!;
  const average = intercept.reduce((a, b) => a + b, 0) / classes;
  return { dim, classes, weights, intercept: intercept.map((b) => b - average) };
}
