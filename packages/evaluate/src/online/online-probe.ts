import { definePlugin, integerAtLeast, positive, resolveOptions, type StepIo, within } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

export interface OnlineProbeOptions {
  /** Classes of the data, ≥ 2. */
  readonly classes: number;
  /** Of its own momentum SGD, > 0. Default 0.1. The rate is constant: the features change all the time. */
  readonly learningRate?: number;
  /** In [0, 1). Default 0.9. */
  readonly momentum?: number;
}

export const ONLINE_PROBE_DEFAULTS: Readonly<Required<Omit<OnlineProbeOptions, 'classes'>>> = {
  learningRate: 0.1,
  momentum: 0.9,
};

/**
 * Linear probe during pretraining: a plug-in that trains W·f + b by cross-entropy on the pooled features of `view1`, and logs
 * `accuracy` and `loss` of every batch before it learns from it. Costs two small products a step.
 *
 * Nothing of it reaches the encoder: it works after the optimiser, off the gradient tape, with variables that no optimiser sees. Its
 * number is that of augmented training images on a moving encoder: for watching a run, never comparable with an offline probe.
 * Images without a label take no part.
 *
 * @throws SslError `BAD_OPTION`. Source: lightly's online classifier; spec "evaluation" 3.1 (last paragraph).
 */
export function onlineProbe(options: OnlineProbeOptions) {
  const defaults = { classes: 0, ...ONLINE_PROBE_DEFAULTS };
  const o = resolveOptions<Required<OnlineProbeOptions>>('online-probe', defaults, options, (r) => [
    ...integerAtLeast(2, r, 'classes'),
    ...positive(r, 'learningRate'),
    ...within(0, 1, r, 'momentum'),
  ]);
  const move = (variable: tf.Variable, velocity: tf.Variable, gradient: tf.Tensor) => {
    velocity.assign(tf.add(tf.mul(velocity, o.momentum), gradient));
    variable.assign(tf.sub(variable, tf.mul(velocity, o.learningRate)));
  };
  return definePlugin({
    name: 'online-probe',
    options: { ...o },
    init: (host) => {
      const kernel = () => variableOf([host.channels, o.classes]);
      const bias = () => variableOf([o.classes]);
      return { kernel: kernel(), bias: bias(), kernelVelocity: kernel(), biasVelocity: bias() };
    },
    observe: (_scored, io) => {
      const { logits, target, known, count } = classify(io, o.classes);
      const losses = tf.sub(tf.logSumExp(logits, 1), tf.sum(tf.mul(logits, target), 1));
      const correct = tf.cast(tf.equal(tf.argMax(logits, 1), io.labels), 'float32');
      const mean = (values: tf.Tensor) => tf.div(tf.sum(tf.mul(values, known)), count) as tf.Scalar;
      return { accuracy: mean(correct), loss: mean(losses) };
    },
    commit: (io) => {
      const { features, logits, target, known } = classify(io, o.classes);
      const residual = tf.mul(tf.sub(tf.softmax(logits), target), tf.expandDims(known, 1)) as tf.Tensor2D;
      const sums = [tf.matMul(features, residual, true), tf.sum(residual, 0), tf.sum(known)];
      const [kernel, bias, labelled] = io.workers.reduceMean(sums) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const count = tf.maximum(labelled, 1 / io.workers.size); // of all workers' images, over W
      move(io.state.kernel!, io.state.kernelVelocity!, tf.div(kernel, count));
      move(io.state.bias!, io.state.biasVelocity!, tf.div(bias, count));
    },
  });
}

function variableOf(shape: number[]): tf.Variable {
  const zeros = tf.zeros(shape);
  const variable = tf.variable(zeros, false);
  zeros.dispose();
  return variable;
}

/** Scores of the batch, its one-hot labels, which images have one (1 or 0), and how many (at least 1). */
function classify({ online, labels, state }: StepIo, classes: number) {
  const features = online.view('view1').pooled;
  const known = tf.cast(tf.greaterEqual(labels, 0), 'float32');
  return {
    features,
    known,
    logits: tf.add(tf.matMul(features, state.kernel as tf.Tensor2D), state.bias!) as tf.Tensor2D,
    // A row of zeros where there is no label; one-hot would refuse −1 on some backends.
    target: tf.cast(tf.equal(tf.expandDims(labels, 1), tf.range(0, classes, 1, 'int32')), 'float32') as tf.Tensor2D,
    count: tf.maximum(tf.sum(known), 1),
  };
}
