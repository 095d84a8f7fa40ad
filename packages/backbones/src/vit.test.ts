import { createWeights, Rng, type WeightSpecs } from '@contrastive/core';
import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import type { CountedBackbone } from './count.js';
import { vit, vitBase, vitSmall, vitTiny } from './vit.js';

const TRAIN = { training: true, updateStats: true };
const SMALL = { patch: 4, dim: 16, depth: 2, heads: 2 };

const valuesOf = (specs: WeightSpecs): number =>
  Object.values(specs).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

describe('sizes', () => {
  test.each([
    [vitTiny, 192],
    [vitSmall, 384],
    [vitBase, 768],
  ] as const)('%o has %i channels, depth 12 and 12 heads', (make, dim) => {
    const net = make();
    expect(net.channels).toBe(dim);
    expect(net.options).toMatchObject({ dim, depth: 12, heads: 12, patch: 16, frozenPatch: true });
    // per block 12 D² + 13 D; patch projection, class token, final norm
    expect(valuesOf(net.specs)).toBe(12 * (12 * dim * dim + 13 * dim) + 768 * dim + dim + dim + 2 * dim);
  });

  test('one weight set fits any side that is a multiple of the patch', () => {
    const net = vit(SMALL);
    const weights = createWeights(net.specs, Rng.create(1));
    for (const side of [8, 16]) {
      const { map, pooled } = net.apply(weights, seededTensor<tf.Rank.R4>([2, side, side, 3], 1), TRAIN);
      expect(map.shape).toEqual([2, side / 4, side / 4, 16]);
      expect(pooled.shape).toEqual([2, 16]);
    }
    expect(net.stride).toBe(4);
    expect(() => net.grid(10)).toThrow(/input side is 10, but it must be a positive multiple of the patch \(4\)/);
  });

  test('ViT-B/16 takes 17.5 thousand million multiply-adds at 224 pixels', () => {
    expect(vitBase().flops(224) / 2e9).toBeCloseTo(17.56, 1);
  });
});

/** Gradients by weight name. */
function gradients(net: CountedBackbone) {
  const weights = createWeights(net.specs, Rng.create(1));
  const images = seededTensor<tf.Rank.R4>([2, 8, 8, 3], 2);
  const upstream = seededTensor([2, net.channels], 3);
  const { grads } = tf.variableGrads(
    () => tf.sum(tf.mul(net.apply(weights, images, TRAIN).pooled, upstream)) as tf.Scalar,
  );
  const byName = Object.fromEntries(
    Object.entries(weights).flatMap(([name, v]) => (grads[v.name] === undefined ? [] : [[name, grads[v.name]!]])),
  );
  tf.dispose(Object.values(weights));
  return byName;
}

describe('training', () => {
  test('the patch projection is frozen unless asked otherwise', () => {
    expect(Object.keys(gradients(vit(SMALL)))).not.toContain('patch/kernel');
    expect(Object.keys(gradients(vit({ ...SMALL, frozenPatch: false })))).toContain('patch/kernel');
  });

  test('recomputing blocks changes no gradient', () => {
    const [plain, again] = [gradients(vit(SMALL)), gradients(vit({ ...SMALL, recompute: 'block' }))];
    expect(Object.keys(again).sort()).toEqual(Object.keys(plain).sort());
    for (const [name, grad] of Object.entries(plain)) expectClose(again[name]!, grad, { rel: 1e-4 });
  });

  test('mean pooling is the mean of the map', () => {
    const net = vit({ ...SMALL, pooling: 'mean' });
    const weights = createWeights(net.specs, Rng.create(1));
    const { map, pooled } = net.apply(weights, seededTensor<tf.Rank.R4>([2, 8, 8, 3], 2), TRAIN);
    expectClose(pooled, tf.mean(map, [1, 2]));
  });

  test('starts q, k and v as square matrices and biases at 0', () => {
    const weights = createWeights(vit({ ...SMALL, dim: 64, heads: 4 }).specs, Rng.create(1));
    const largest = tf.max(tf.abs(weights['block0/qkv/kernel']!)).dataSync()[0]!;
    expect(largest).toBeLessThanOrEqual(Math.sqrt(6 / 128));
    expect(largest).toBeGreaterThan(0.98 * Math.sqrt(6 / 128));
    expectClose(weights['block0/fc1/bias']!, new Float32Array(256));
    expect(tf.max(tf.abs(weights.cls!)).dataSync()[0]!).toBeLessThan(1e-5);
  });
});

test('all wrong options are reported together', () => {
  expect(() => vit({ dim: 18, heads: 4, depth: 0 })).toThrow(
    /depth must be an integer ≥ 1.*\n.*divisible by 4 \(position code\).*\n.*divisible by heads \(4\)/,
  );
});
