import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { createWeights, type Module, type Weights } from '../module.js';
import { Rng } from '../rng.js';
import { mlp } from './mlp.js';
import { withConstantLr, withRecompute } from './wrappers.js';

const head = mlp(3, [
  { width: 4, bias: false, norm: 'affine', relu: true },
  { width: 2, bias: 'frozen' },
]);
const TRAIN = { training: true, updateStats: true };

test('withConstantLr marks every weight and nothing else', () => {
  const { specs } = withConstantLr(head);
  expect(Object.keys(specs)).toEqual(Object.keys(head.specs));
  for (const [name, spec] of Object.entries(specs)) expect(spec).toEqual({ ...head.specs[name], constantLr: true });
});

/** Value, gradients by weight name and running mean after one training pass. */
function run(module: Module) {
  const weights: Weights = createWeights(module.specs, Rng.create(1));
  const x = seededTensor<tf.Rank.R2>([5, 3], 2);
  const { value, grads } = tf.variableGrads(() => tf.sum(tf.square(module.apply(weights, x, TRAIN))) as tf.Scalar);
  const byName = Object.fromEntries(
    Object.entries(weights).flatMap(([name, v]) => (grads[v.name] === undefined ? [] : [[name, grads[v.name]!]])),
  );
  const mean = tf.clone(weights['layer0/norm/mean']!);
  tf.dispose(Object.values(weights));
  return { value, grads: byName, mean };
}

test('withRecompute changes neither value nor gradients, and moves running statistics once', () => {
  const [plain, again] = [run(head), run(withRecompute(head))];
  expectClose(again.value, plain.value);
  expectClose(again.mean, plain.mean);
  expect(Object.keys(again.grads).sort()).toEqual(Object.keys(plain.grads).sort());
  for (const [name, grad] of Object.entries(plain.grads)) expectClose(again.grads[name]!, grad);
});
