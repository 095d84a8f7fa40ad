import * as tf from '@tensorflow/tfjs-core';
import { SslError } from '../errors.js';
import type { Weights } from '../module.js';
import type { LearningRates, Parameter } from './optimizer.js';

/** Biases, scales and shifts of norms, and any other weight with fewer than two axes: what recipes exclude from decay. */
export const isVector = ({ spec }: Parameter): boolean =>
  spec.role === 'bias' || spec.role === 'norm' || spec.shape.length < 2;

/** Zero-filled slots `<kind>/<path>`, shaped as their parameters. */
export function zeroSlots(kinds: readonly string[], parameters: readonly Parameter[]): Weights {
  const slot = (kind: string, { path, spec }: Parameter): [string, tf.Variable] => [
    `${kind}/${path}`,
    zeroVariable(spec.shape),
  ];
  return Object.fromEntries(kinds.flatMap((kind) => parameters.map((parameter) => slot(kind, parameter))));
}

/** An untrained float32 variable of zeros. */
export function zeroVariable(shape: readonly number[]): tf.Variable {
  const zeros = tf.zeros([...shape]);
  const variable = tf.variable(zeros, false);
  zeros.dispose();
  return variable;
}

/**
 * Calls `move` for each parameter with its gradient and learning rate (the base rate where the spec says `constantLr`), and
 * frees what it leaves behind.
 *
 * @throws SslError `SHAPE_MISMATCH` if the numbers of parameters and gradients differ.
 */
export function moveEach(
  owner: string,
  parameters: readonly Parameter[],
  gradients: readonly tf.Tensor[],
  rates: LearningRates,
  move: (parameter: Parameter, gradient: tf.Tensor, rate: tf.Scalar) => void,
): void {
  if (parameters.length !== gradients.length) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `[${owner}] ${parameters.length} parameters were given with ${gradients.length} gradients.`,
    );
  }
  parameters.forEach((parameter, i) => {
    tf.tidy(() => move(parameter, gradients[i]!, parameter.spec.constantLr === true ? rates.base : rates.scheduled));
  });
}

/** gradient + decay × weight; the gradient itself if there is no decay. */
export const addDecay = (gradient: tf.Tensor, decay: number, weight: tf.Tensor): tf.Tensor =>
  decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay));

/** velocity ← momentum × velocity + step; returns the new velocity. */
export function accumulate(velocity: tf.Variable, momentum: number, step: tf.Tensor): tf.Tensor {
  velocity.assign(tf.add(tf.mul(velocity, momentum), step));
  return velocity;
}

/** weight ← weight − rate × direction. */
export const descend = (weight: tf.Variable, rate: tf.Scalar, direction: tf.Tensor): void =>
  weight.assign(tf.sub(weight, tf.mul(direction, rate)));
