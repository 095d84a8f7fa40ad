import { createWeights, Rng } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { expectClose } from './close-to.js';
import { expectGradients, finiteDifferences } from './gradients.js';
import { seededRows, seededTensor } from './seeded.js';
import { tinyBackbone } from './tiny-backbone.js';

describe('expectClose', () => {
  it('accepts values within rel × largest magnitude + abs', () => {
    expectClose(tf.tensor1d([100.0005, 0.0009]), [100, 0]);
    expectClose(2, 2.5, { abs: 0.5 });
  });

  it('names the worst entry, and refuses NaN and other lengths', () => {
    expect(() => expectClose([1, 2, 5], [1, 2, 3])).toThrow(/Entry 2 is 5, expected 3 ± /);
    expect(() => expectClose([Number.NaN], [1])).toThrow(/Entry 0 is NaN/);
    expect(() => expectClose([1], [1, 2])).toThrow(/1 values were given, expected 2/);
    expectClose([Number.POSITIVE_INFINITY], [Number.POSITIVE_INFINITY], { rel: 0 });
  });
});

describe('expectGradients', () => {
  const wrong = tf.customGrad((x) => ({
    value: tf.square(x as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.mul(dy, 3),
  }));

  it('accepts a right gradient in every argument', () => {
    expectGradients((x, y) => tf.sum(tf.mul(tf.sin(x), y)), [tf.tensor1d([0.3, -1]), tf.tensor1d([2, 0.5])]);
    expectClose(
      finiteDifferences((x) => tf.sum(tf.square(x)), tf.tensor1d([3])),
      [6],
      { rel: 1e-3 },
    );
  });

  it('refuses a wrong one', () => {
    expect(() => expectGradients((x) => tf.sum(wrong(x)), [tf.tensor1d([0.2])])).toThrow(/Entry 0 is 3, expected 0\.4/);
  });
});

describe('seeded tensors', () => {
  it('repeat for a seed and have unit rows where promised', () => {
    expectClose(seededTensor([2, 3], 1), seededTensor([2, 3], 1), { rel: 0, abs: 0 });
    expect(() => expectClose(seededTensor([2, 3], 1), seededTensor([2, 3], 2))).toThrow();
    expectClose(tf.norm(seededRows(4, 3, 1), 2, 1), [1, 1, 1, 1]);
  });
});

describe('tinyBackbone', () => {
  it('states its shapes truthfully and treats every image by itself', () => {
    const backbone = tinyBackbone();
    const weights = createWeights(backbone.specs, Rng.create(1));
    const images = seededTensor<tf.Rank.R4>([3, 8, 8, 3], 2);
    const pass = { training: true, updateStats: true };
    const { map, pooled } = backbone.apply(weights, images, pass);
    expect(map.shape).toEqual([3, backbone.grid(8), backbone.grid(8), backbone.channels]);
    expect(pooled.shape).toEqual([3, backbone.channels]);
    const single = backbone.apply(weights, tf.slice(images, [1], [1]), pass).pooled;
    expectClose(tf.slice(pooled, [1], [1]), single);
  });
});
