import {
  createWeights,
  integerAtLeast,
  type LearningRates,
  logSoftmax,
  type Optimizer,
  type Parameter,
  positive,
  Rng,
  resolveOptions,
  type Schedule,
  SslError,
  type Weights,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { type LabelledFeatures, requireLabelled, requireSameDim, requireTwoClasses } from '../features.js';
import { batchStandardizer, type Standardizer } from './batch-standardizer.js';
import { type ClassifierScore, type LinearClassifier, scoreClassifier } from './classifier.js';
import { INITIALIZERS, type ProbeInitializer } from './probe-init.js';

/** How a linear layer is trained on frozen features; published ones are in `PROBE_RECIPES`. */
export interface ProbeRecipe {
  /** Name of the protocol, for reports. */
  readonly name: string;
  /** Learning rate at batch size `referenceBatch`, before the schedule. > 0. */
  readonly learningRate: number;
  /** Batch size that `learningRate` belongs to; the rate is multiplied by batchSize / referenceBatch. `undefined`: not scaled. */
  readonly referenceBatch: number | undefined;
  /** Rows of a step, ≥ 1; at most the training set is used. The last, smaller batch of an epoch is used too. */
  readonly batchSize: number;
  /** ≥ 1. */
  readonly epochs: number;
  readonly optimizer: (learningRate: number) => Optimizer;
  readonly schedule: (learningRate: number, epochs: number) => Schedule;
  readonly initializer: ProbeInitializer;
  /** Batch norm without scale and shift before the layer (MAE-style probes): its ε, or `undefined` for none. */
  readonly batchNormEpsilon: number | undefined;
}

export interface ProbeOptions {
  /** Of initial weights and of the order of rows. Default 0. */
  readonly seed?: number;
  /** Replaces the recipe's. */
  readonly epochs?: number | undefined;
  /** Replaces the recipe's; the learning rate is scaled with it where the recipe says so. */
  readonly batchSize?: number | undefined;
  /** Replaces the recipe's (before scaling): for sweeps. */
  readonly learningRate?: number | undefined;
  /** Called after every epoch, for progress. */
  readonly onEpoch?: ((epoch: number, meanLoss: number) => void) | undefined;
}

/** Training rows: the same every epoch (cached features), or extracted anew (features of augmented images). */
export type ProbeSource = LabelledFeatures | ((epoch: number) => LabelledFeatures | Promise<LabelledFeatures>);

export interface ProbeFit extends LinearClassifier {
  readonly protocol: string;
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Base learning rate after scaling. */
  readonly learningRate: number;
  /** Mean cross-entropy over the rows of every epoch, measured before each step. */
  readonly lossPerEpoch: Float64Array;
}

/**
 * Trains W·f + b by mini-batch cross-entropy on frozen features (float32, on the tensor backend). Rows are shuffled every epoch; a
 * seed gives the same result on the same backend.
 *
 * With cached features this is the light form of a published probe, which trains on augmented views: pass a function as
 * `source` for the full one. Evaluate with {@link scoreClassifier}; the number is that of the last epoch.
 *
 * @throws SslError `DATA` (missing labels, one class), `NOT_FINITE` (features, or a loss that diverged), `SHAPE_MISMATCH`, `BAD_OPTION`.
 * Source: spec "evaluation" 3.1.
 */
export async function trainProbe(
  source: ProbeSource,
  recipe: ProbeRecipe,
  options: ProbeOptions = {},
): Promise<ProbeFit> {
  const defaults = { seed: 0, epochs: recipe.epochs, batchSize: recipe.batchSize, learningRate: recipe.learningRate };
  const o = resolveOptions('trainProbe', { ...defaults, onEpoch: NO_REPORT }, options, (r) => [
    ...integerAtLeast(0, r, 'seed'),
    ...integerAtLeast(1, r, 'epochs', 'batchSize'),
    ...positive(r, 'learningRate'),
  ]);
  const rowsOf = async (epoch: number) => (typeof source === 'function' ? await source(epoch) : source);
  const first = await rowsOf(1);
  requireLabelled('trainProbe', 'train', first);
  const classes = requireTwoClasses('trainProbe', first.labels);
  const batchSize = Math.min(o.batchSize, first.rows);
  const rate =
    recipe.referenceBatch === undefined ? o.learningRate : (o.learningRate * batchSize) / recipe.referenceBatch;
  const rng = Rng.create(o.seed).fork('probe');
  const trainer = createTrainer(first.dim, classes, recipe, rate, rng.fork('init'));
  const schedule = recipe.schedule(rate, o.epochs);
  const lossPerEpoch = new Float64Array(o.epochs);
  try {
    for (let epoch = 1, step = 0; epoch <= o.epochs; epoch++) {
      const rows = epoch === 1 ? first : await rowsOf(epoch);
      if (epoch > 1 && rows !== first) checkEpoch(first, rows, classes);
      const order = rng.fork('order').fork(epoch).permutation(rows.rows);
      const stepsPerEpoch = Math.ceil(rows.rows / batchSize);
      const losses: tf.Scalar[] = [];
      for (let s = 0; s < stepsPerEpoch; s++, step++) {
        const picked = order.subarray(s * batchSize, Math.min(rows.rows, (s + 1) * batchSize));
        losses.push(trainer.step(rows, picked, schedule({ step, epoch, epochs: o.epochs, stepsPerEpoch })));
      }
      lossPerEpoch[epoch - 1] = (await sumOf(losses)) / rows.rows;
      if (!Number.isFinite(lossPerEpoch[epoch - 1])) throw diverged(recipe.name, epoch, rate);
      o.onEpoch(epoch, lossPerEpoch[epoch - 1]!);
    }
    const fit = await trainer.classifier();
    const { seed, epochs } = o;
    return { ...fit, protocol: recipe.name, seed, epochs, batchSize, learningRate: rate, lossPerEpoch };
  } finally {
    trainer.dispose();
  }
}

const NO_REPORT = (): void => {};

/** {@link trainProbe}, then {@link scoreClassifier} on the test set. The test set is seen once, after the last epoch. */
export async function evaluateProbe(
  source: ProbeSource,
  test: LabelledFeatures,
  recipe: ProbeRecipe,
  options: ProbeOptions = {},
): Promise<ClassifierScore & { readonly fit: ProbeFit }> {
  requireLabelled('evaluateProbe', 'test', test);
  if (typeof source !== 'function') requireSameDim('evaluateProbe', source, test);
  const fit = await trainProbe(source, recipe, options);
  return { ...(await scoreClassifier(fit, test)), fit };
}

interface Trainer {
  /** One step on the named rows; the returned loss is their sum. */
  step(rows: LabelledFeatures, picked: Int32Array, rate: number): tf.Scalar;
  classifier(): Promise<LinearClassifier>;
  dispose(): void;
}

function createTrainer(dim: number, classes: number, recipe: ProbeRecipe, rate: number, rng: Rng): Trainer {
  const init = INITIALIZERS[recipe.initializer];
  const specs = {
    kernel: { shape: [dim, classes], role: 'kernel', init: init.kernel },
    bias: { shape: [classes], role: 'bias', init: init.bias(dim) },
  } as const;
  const weights = createWeights(specs, rng);
  const parameters: Parameter[] = (['kernel', 'bias'] as const).map((path) => ({
    path,
    variable: weights[path]!,
    spec: specs[path],
  }));
  const optimizer = recipe.optimizer(rate);
  const slots: Weights = optimizer.slots(parameters);
  const standardizer: Standardizer | undefined =
    recipe.batchNormEpsilon === undefined ? undefined : batchStandardizer(dim, recipe.batchNormEpsilon);
  return {
    step: (rows, picked, scheduled) => {
      const batch = gatherRows(rows, picked);
      standardizer?.apply(batch.data, picked.length);
      return tf.tidy(() => {
        const x = tf.tensor2d(batch.data, [picked.length, dim]);
        // Not oneHot's own float32: the wasm backend writes integers into it.
        const target = tf.cast(tf.oneHot(tf.tensor1d(batch.labels, 'int32'), classes), 'float32') as tf.Tensor2D;
        const logits = tf.add(tf.matMul(x, weights.kernel as tf.Tensor2D), weights.bias!) as tf.Tensor2D;
        // exp / Σ exp, and the mean last: equal logits then give a zero gradient exactly, which Adam does not blow up. Some backends' own
        // softmax goes through logarithms.
        const weight = tf.exp(tf.sub(logits, tf.max(logits, 1, true)));
        const residual = tf.sub(tf.div(weight, tf.sum(weight, 1, true)), target);
        const gradients = [tf.matMul(x, residual, true), tf.sum(residual, 0)].map((g) => tf.div(g, picked.length));
        const loss = tf.neg(tf.sum(tf.mul(logSoftmax(logits), target))) as tf.Scalar;
        const rates: LearningRates = { scheduled: tf.scalar(scheduled), base: tf.scalar(rate) };
        optimizer.update(parameters, gradients, slots, rates);
        return loss;
      });
    },
    classifier: async () => {
      const kernel = Float64Array.from(await weights.kernel!.data());
      const intercept = Float64Array.from(await weights.bias!.data());
      const plain = { dim, classes, weights: kernel, intercept };
      return standardizer === undefined ? plain : standardizer.fold(plain);
    },
    dispose: () => {
      for (const variable of [...Object.values(weights), ...Object.values(slots)]) variable.dispose();
    },
  };
}

function gatherRows({ data, dim, labels }: LabelledFeatures, picked: Int32Array) {
  const batch = new Float32Array(picked.length * dim);
  picked.forEach((row, i) => {
    batch.set(data.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  return { data: batch, labels: picked.map((row) => labels[row]!) };
}

/** Reads an epoch's losses at once: reading every step would stall devices that run ahead. */
async function sumOf(losses: tf.Scalar[]): Promise<number> {
  const total = tf.tidy(() => tf.stack(losses));
  tf.dispose(losses);
  const values = (await total.data()) as Float32Array;
  total.dispose();
  return values.reduce((a, b) => a + b, 0);
}

function checkEpoch(first: LabelledFeatures, rows: LabelledFeatures, classes: number): void {
  requireLabelled('trainProbe', 'train', rows);
  requireSameDim('trainProbe', first, rows);
  const unknown = rows.labels.find((label) => label >= classes);
  if (unknown !== undefined) {
    throw new SslError('DATA', `trainProbe: label ${unknown} occurs, but the first epoch had ${classes} classes.`);
  }
}

const diverged = (name: string, epoch: number, rate: number) =>
  new SslError('NOT_FINITE', `trainProbe: ${name} diverged in epoch ${epoch} at learning rate ${rate}.`, {
    hint: 'Rates of published probes belong to features of their encoders. Pass a smaller `learningRate`.',
  });
