import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { createWeights, type Module } from '../module.js';
import { Rng } from '../rng.js';
import { batchNorm } from './batch-norm.js';
import { type Layer, mlp, onCells } from './mlp.js';

const TRAIN = { training: true, updateStats: true };

/** Names of the weights, and how many values they hold together without statistics. */
function summary({ specs }: Module) {
  const trained = Object.entries(specs).filter(([, spec]) => spec.role !== 'statistic');
  return {
    names: trained.map(([name]) => name),
    values: trained.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0),
  };
}

const hidden = (width: number): Layer => ({ width, bias: false, norm: 'affine', relu: true });

// Every projector and predictor of spec "hosts" sections 4 to 9; values counted by hand: inputs × width, + width for a bias, + 2 width for γ, β.
const HEADS: readonly { name: string; inputs: number; layers: readonly Layer[]; values: number }[] = [
  { name: 'MoCo v1', inputs: 2048, layers: [{ width: 128 }], values: 2048 * 128 + 128 },
  {
    name: 'MoCo v2',
    inputs: 512,
    layers: [{ width: 512, relu: true }, { width: 128 }],
    values: 512 * 512 + 512 + 512 * 128 + 128,
  },
  {
    name: 'MoCo v2+',
    inputs: 512,
    layers: [{ width: 2048, relu: true }, { width: 256 }],
    values: 512 * 2048 + 2048 + 2048 * 256 + 256,
  },
  {
    name: 'MoCo v3 projector, ViT',
    inputs: 384,
    layers: [hidden(4096), hidden(4096), { width: 256, bias: false, norm: 'plain' }],
    values: 384 * 4096 + 8192 + 4096 * 4096 + 8192 + 4096 * 256,
  },
  {
    name: 'MoCo v3 predictor, ViT',
    inputs: 256,
    layers: [hidden(4096), { width: 256, bias: false, norm: 'plain' }],
    values: 256 * 4096 + 8192 + 4096 * 256,
  },
  {
    name: 'MoCo v3 predictor, ResNet',
    inputs: 256,
    layers: [hidden(4096), { width: 256, bias: false }],
    values: 256 * 4096 + 8192 + 4096 * 256,
  },
  {
    name: 'SimCLR, lightly',
    inputs: 512,
    layers: [hidden(512), { width: 128, bias: false, norm: 'affine' }],
    values: 512 * 512 + 1024 + 512 * 128 + 256,
  },
  {
    name: 'SimCLR, W-MSE benchmark',
    inputs: 512,
    layers: [
      { width: 1024, norm: 'affine', relu: true },
      { width: 64, norm: 'affine' },
    ],
    values: 512 * 1024 + 3 * 1024 + 1024 * 64 + 3 * 64,
  },
  {
    name: 'SimSiam projector',
    inputs: 512,
    layers: [hidden(512), hidden(512), { width: 2048, bias: 'frozen', norm: 'plain' }],
    values: 2 * (512 * 512 + 1024) + 512 * 2048 + 2048,
  },
  {
    name: 'SimSiam predictor',
    inputs: 2048,
    layers: [hidden(512), { width: 2048 }],
    values: 2048 * 512 + 1024 + 512 * 2048 + 2048,
  },
  {
    name: 'BYOL',
    inputs: 512,
    layers: [{ width: 4096, norm: 'affine', relu: true }, { width: 256 }],
    values: 512 * 4096 + 3 * 4096 + 4096 * 256 + 256,
  },
  {
    name: 'NNCLR projector',
    inputs: 512,
    layers: [
      { width: 2048, norm: 'affine', relu: true },
      { width: 2048, norm: 'affine', relu: true },
      { width: 256, norm: 'affine' },
    ],
    values: 512 * 2048 + 3 * 2048 + 2048 * 2048 + 3 * 2048 + 2048 * 256 + 3 * 256,
  },
];

describe('mlp', () => {
  test.each(HEADS)('states the head of $name', ({ inputs, layers, values }) => {
    expect(summary(mlp(inputs, layers)).values).toBe(values);
  });

  test('names weights by layer', () => {
    expect(Object.keys(mlp(4, [hidden(8), { width: 2, bias: 'frozen', norm: 'plain' }]).specs)).toEqual([
      'layer0/kernel',
      'layer0/norm/gamma',
      'layer0/norm/beta',
      'layer0/norm/mean',
      'layer0/norm/variance',
      'layer1/kernel',
      'layer1/bias',
      'layer1/norm/mean',
      'layer1/norm/variance',
    ]);
  });

  test('freezes a bias but keeps its PyTorch start', () => {
    const { specs } = mlp(16, [{ width: 4, bias: 'frozen' }]);
    const weights = createWeights(specs, Rng.create(1));
    expect(weights['layer0/bias']!.trainable).toBe(false);
    const largest = tf.max(tf.abs(weights['layer0/bias']!)).dataSync()[0]!;
    expect(largest).toBeGreaterThan(0);
    expect(largest).toBeLessThanOrEqual(1 / 4);
  });

  test('starts biases at 0 in the other dialect', () => {
    const weights = createWeights(mlp(16, [{ width: 4 }], { init: 'normalFanIn' }).specs, Rng.create(1));
    expectClose(weights['layer0/bias']!, [0, 0, 0, 0]);
  });

  test('computes linear, batch norm and ReLU in this order', () => {
    const head = mlp(2, [hidden(1)]);
    const weights = createWeights(head.specs, Rng.create(1));
    weights['layer0/kernel']!.assign(tf.tensor2d([[1], [1]]));
    const x = tf.tensor2d([
      [0, 1],
      [1, 2],
    ]); // sums 1 and 3, normalised −1 and 1
    expectClose(head.apply(weights, x, TRAIN), [0, 1 / Math.sqrt(1 + 1e-5)]);
    expectClose(weights['layer0/norm/mean']!, [0.2]);
  });

  test('the last layer without affine batch norm has no mean and unit variance', () => {
    const head = mlp(3, [{ width: 2, bias: 'frozen', norm: 'plain' }]);
    const y = head.apply(createWeights(head.specs, Rng.create(2)), seededTensor<tf.Rank.R2>([64, 3], 3), TRAIN);
    const { mean, variance } = tf.moments(y, 0);
    expectClose(mean, [0, 0], { abs: 1e-6 });
    expectClose(variance, [1, 1], { abs: 1e-3 });
  });
});

test('onCells runs a head on every cell', () => {
  const head = mlp(3, [{ width: 4, relu: true }, { width: 2 }]);
  const weights = createWeights(head.specs, Rng.create(4));
  const map = seededTensor<tf.Rank.R4>([2, 2, 2, 3], 5);
  const dense = onCells(head).apply(weights, map, TRAIN);
  expect(dense.shape).toEqual([2, 2, 2, 2]);
  const cell = tf.reshape(tf.slice(map, [1, 0, 1, 0], [1, 1, 1, 3]), [1, 3]) as tf.Tensor2D;
  expectClose(tf.slice(dense, [1, 0, 1, 0], [1, 1, 1, 2]), head.apply(weights, cell, TRAIN));
});

test('batchNorm with zeroInit starts as the constant 0', () => {
  const norm = batchNorm<tf.Tensor2D>(3, { zeroInit: true });
  const weights = createWeights(norm.specs, Rng.create(1));
  expectClose(norm.apply(weights, seededTensor<tf.Rank.R2>([4, 3], 1), TRAIN), tf.zeros([4, 3]));
});
