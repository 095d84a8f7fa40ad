import { expectClose, expectGradients, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { test } from 'vitest';
import { gelu, relu } from './activations.js';

test('relu cuts at zero, where its gradient is 0', () => {
  const x = tf.tensor1d([-2, 0, 3]);
  expectClose(relu(x), [0, 0, 3]);
  expectClose(tf.grad(relu)(x, tf.tensor1d([5, 6, 7])), [0, 0, 7]);
});

test('relu has the gradient of its formula', () => {
  const x = tf.tensor1d([-0.7, -0.2, 0.3, 1.4]); // away from the corner
  expectGradients((t) => tf.sum(tf.square(relu(t!))), [x]);
});

test('gelu is x Φ(x) in its exact form', () => {
  // Φ(1) = 0.841345, Φ(−2) = 0.022750
  expectClose(gelu(tf.tensor1d([0, 1, -2])), [0, 0.841345, -0.0455], { abs: 2e-6 });
});

test('gelu has the gradient of its formula', () => {
  expectGradients((x) => tf.sum(tf.mul(gelu(x!), seededTensor([8], 1))), [seededTensor([8], 2)]);
});
