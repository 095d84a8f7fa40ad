import { createWeights, Rng } from '@contrastive/core';
import { expectClose, seededTensor, valuesOf } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { wmseHead } from './head.js';
import { whiteningLayer } from './layer.js';

const rows = seededTensor<tf.Rank.R2>([12, 3], 1);
const training = { training: true, updateStats: true };
const weightsOf = (layer: ReturnType<typeof whiteningLayer>) => createWeights(layer.specs, Rng.create(1));

describe('whiteningLayer', () => {
  it('gives covariance I in training', () => {
    const layer = whiteningLayer(3, { method: 'zca' });
    const z = layer.apply(weightsOf(layer), rows, training);
    expectClose(tf.div(tf.matMul(z, z, true, false), 11), tf.eye(3), { abs: 1e-5 });
  });

  it('whitens slices of consecutive rows', () => {
    const [whole, halves] = [whiteningLayer(3), whiteningLayer(3, { sliceSize: 6 })];
    const z = halves.apply(weightsOf(halves), rows, training);
    const first = whole.apply(weightsOf(whole), tf.slice(rows, [0, 0], [6, 3]), training);
    expectClose(tf.slice(z, [0, 0], [6, 3]), first);
    expect(() => halves.apply(weightsOf(halves), tf.slice(rows, [0, 0], [9, 3]), training)).toThrow(
      '[whiteningLayer] sliceSize is 6, but it must divide the 9 rows.',
    );
  });

  it('moves its statistics only when asked, and uses them in evaluation', () => {
    const layer = whiteningLayer(3);
    const weights = weightsOf(layer);
    const evaluation = { training: false, updateStats: false };
    layer.apply(weights, rows, { training: true, updateStats: false });
    expectClose(layer.apply(weights, rows, evaluation), rows); // mean 0, covariance I
    layer.apply(weights, rows, training);
    expectClose(weights.mean!, tf.mul(tf.mean(rows, 0), 0.01));
    const faster = whiteningLayer(3, { momentum: 0.5 });
    const own = weightsOf(faster);
    faster.apply(own, rows, training);
    expectClose(own.mean!, tf.mul(tf.mean(rows, 0), 0.5));
    const centered = tf.sub(rows, tf.mul(tf.mean(rows, 0), 0.01));
    const z = layer.apply(weights, rows, evaluation);
    expectClose(
      tf.slice(z, [0, 0], [12, 1]),
      tf.div(tf.slice(centered, [0, 0], [12, 1]), Math.sqrt(valuesOf(weights.covariance!)[0]!)),
    );
  });

  it.each([
    [{ method: 'pca' }, 'method'],
    [{ eps: 1 }, 'eps'],
    [{ sliceSize: 0 }, 'sliceSize'],
    [{ momentum: 2 }, 'momentum'],
  ])('refuses %j', (options, name) => {
    expect(() => whiteningLayer(3, options as never)).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION', message: expect.stringContaining(`[whiteningLayer] ${name} `) }),
    );
  });
});

describe('wmseHead', () => {
  it('is Linear 512 → 1024, batch norm, ReLU, Linear 1024 → 64 by default', () => {
    const shapes = Object.fromEntries(Object.entries(wmseHead(512).specs).map(([name, spec]) => [name, spec.shape]));
    expect(shapes).toEqual({
      'layer0/kernel': [512, 1024],
      'layer0/bias': [1024],
      'layer0/norm/gamma': [1024],
      'layer0/norm/beta': [1024],
      'layer0/norm/mean': [1024],
      'layer0/norm/variance': [1024],
      'layer1/kernel': [1024, 64],
      'layer1/bias': [64],
    });
  });

  it('has as many layers and norms as asked for, and ends in a whitening', () => {
    expect(Object.keys(wmseHead(4, { layers: 1 }).specs)).toEqual(['layer0/kernel', 'layer0/bias']);
    expect(wmseHead(4, { norm: false, finalNorm: true }).specs).toHaveProperty('layer1/norm/gamma');
    const head = wmseHead(4, { layers: 3, width: 6, dim: 2, whitening: {} });
    const weights = createWeights(head.specs, Rng.create(2));
    const z = head.apply(weights, seededTensor<tf.Rank.R2>([16, 4], 3), training);
    expectClose(tf.div(tf.matMul(z, z, true, false), 15), tf.eye(2), { abs: 1e-5 });
  });

  it('refuses a fourth layer', () => {
    expect(() => wmseHead(4, { layers: 4 })).toThrow('[wmseHead] layers must be at most 3, but is 4.');
  });
});
