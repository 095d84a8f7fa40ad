import * as tf from '@tensorflow/tfjs-core';
import type { Optimizer, Parameter, WeightRole } from '../src/index.js';

/** A weight and the gradients of its steps. */
export interface Start {
  readonly weight: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly role?: WeightRole;
  readonly constantLr?: boolean;
  readonly rate?: number;
}

/** The weight (a matrix of one row, unless it is a bias) after one step per gradient. */
export function descend(
  optimizer: Optimizer,
  { weight, gradients, role = 'kernel', constantLr, rate }: Start,
): number[] {
  const shape = role === 'kernel' ? [1, weight.length] : [weight.length];
  const variable = tf.variable(tf.tensor([...weight], shape));
  const spec = { shape, role, init: () => new Float32Array(weight.length), ...(constantLr && { constantLr }) };
  const parameters: Parameter[] = [{ path: 'w', variable, spec }];
  const slots = optimizer.slots(parameters);
  const rates = { base: tf.scalar(optimizer.learningRate), scheduled: tf.scalar(rate ?? optimizer.learningRate) };
  for (const g of gradients) optimizer.update(parameters, [tf.tensor([...g], shape)], slots, rates);
  return Array.from(variable.dataSync());
}
