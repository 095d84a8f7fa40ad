import type { ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { batchNormalization } from '../src/index.js';
import { hostValues, type Nested } from './host-values.js';

interface Inputs {
  readonly x1: Nested;
  readonly x2: Nested;
  readonly gamma: Nested;
  readonly beta: Nested;
  readonly upstreamGrad: Nested;
}
interface Params {
  readonly splits: number;
  readonly eps: number;
  /** PyTorch's: share of the new value. */
  readonly momentum: number;
}

/** Two training calls, then one with running statistics, and gradients of Σ upstream × the first. */
const twoCallsThenEval: ParityKinds[string] = async ({ inputs, params }, { run }) => {
  const given = inputs as Inputs;
  const { splits, eps, momentum } = params as Params;
  const options = { splits, epsilon: eps, momentum: 1 - momentum };
  const channels = (given.gamma as readonly number[]).length;
  const running = { mean: tf.variable(tf.zeros([channels])), variance: tf.variable(tf.ones([channels])) };
  const training = { training: true, updateStats: true };
  const step = ({ x1, x2, gamma, beta, upstream }: Readonly<Record<string, tf.Tensor>>) => {
    const apply = (x: tf.Tensor, g: tf.Tensor, b: tf.Tensor, pass = training) =>
      batchNormalization(x, { gamma: g, beta: b, ...running }, pass, options);
    const train1 = apply(x1!, gamma!, beta!);
    const train2 = apply(x2!, gamma!, beta!);
    const still = { training: true, updateStats: false };
    const loss = (x: tf.Tensor, g: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(apply(x, g, b, still), upstream!));
    const [gradX1, gradGamma, gradBeta] = tf.grads(loss as (...xs: tf.Tensor[]) => tf.Tensor)([x1!, gamma!, beta!]);
    const evalX1 = apply(x1!, gamma!, beta!, { training: false, updateStats: false });
    return { train1, train2, gradX1: gradX1!, gradGamma: gradGamma!, gradBeta: gradBeta!, evalX1 };
  };
  const { x1, x2, gamma, beta, upstreamGrad } = given;
  const named = { x1, x2, gamma, beta, upstream: upstreamGrad };
  const host = Object.fromEntries(Object.entries(named).map(([name, values]) => [name, hostValues(values)]));
  const outputs = await run(step, host, running);
  return { ...outputs, runningMean: running.mean, runningVar: running.variance };
};

export const kinds: ParityKinds = { 'hosts/batchnorm': twoCallsThenEval, 'hosts/splitbn': twoCallsThenEval };
