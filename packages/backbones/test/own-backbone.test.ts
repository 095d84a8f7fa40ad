import { createWeights, Rng } from '@contrastive/core';
import { seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { smallConvNet } from '../examples/own-backbone.js';

test.each([32, 20])('the example of an own backbone keeps its promises for %i pixels', (side) => {
  const backbone = smallConvNet(8);
  const weights = createWeights(backbone.specs, Rng.create(1));
  const images = seededTensor<tf.Rank.R4>([2, side, side, 3], 2);
  const { map, pooled } = backbone.apply(weights, images, { training: true, updateStats: true });
  const g = backbone.grid(side);
  expect(map.shape).toEqual([2, g, g, backbone.channels]);
  expect(pooled.shape).toEqual([2, backbone.channels]);
});

test('every trained weight of the example gets a gradient', () => {
  const backbone = smallConvNet(8);
  const weights = createWeights(backbone.specs, Rng.create(1));
  const images = seededTensor<tf.Rank.R4>([2, 16, 16, 3], 2);
  const { grads } = tf.variableGrads(
    () => tf.sum(tf.square(backbone.apply(weights, images, { training: true, updateStats: true }).pooled)) as tf.Scalar,
  );
  for (const [name, spec] of Object.entries(backbone.specs)) {
    expect(weights[name]!.name in grads).toBe(spec.role !== 'statistic');
  }
});
