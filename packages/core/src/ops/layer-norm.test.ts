import { expectClose, expectGradients, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { test } from 'vitest';
import { layerNormalization } from './layer-norm.js';

test('normalises each row by its mean and biased variance', () => {
  const y = layerNormalization(tf.tensor2d([[1, 3]]), tf.tensor1d([2, 2]), tf.tensor1d([0, 10]), 0);
  expectClose(y, [-2, 12]);
});

test('does not see a row’s scale and shift', () => {
  const [one, zero] = [tf.ones([6]), tf.zeros([6])];
  const x = seededTensor([2, 3, 6], 1);
  const moved = tf.add(tf.mul(x, 3), 5);
  expectClose(layerNormalization(moved, one, zero), layerNormalization(x, one, zero), { abs: 1e-5 });
});

test('has the gradients of its formula', () => {
  const upstream = seededTensor([2, 3, 4], 2);
  expectGradients(
    (x, g, b) => tf.sum(tf.mul(layerNormalization(x!, g!, b!), upstream)),
    [seededTensor([2, 3, 4], 3), seededTensor([4], 4), seededTensor([4], 5)],
  );
});
