import { createWeights, Rng, type WeightSpecs } from '@contrastive/core';
import { expectClose, seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { type ResNet, resnet18, resnet34, resnet50, type Stem } from './resnet.js';

const TRAIN = { training: true, updateStats: true };
const EVAL = { training: false, updateStats: false };

const trainedValues = (specs: WeightSpecs): number =>
  Object.values(specs)
    .filter(({ role }) => role !== 'statistic')
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

// Spec "hosts" section 2.
const GRIDS: readonly [Stem, stride: number, cells: readonly [number, number, number, number]][] = [
  ['cifar', 8, [4, 8, 12, 28]],
  ['small', 16, [2, 4, 6, 14]],
  ['imagenet', 32, [1, 2, 3, 7]],
  ['cifarPadded', 8, [5, 9, 13, 29]],
];

describe('mapStages', () => {
  test.each([
    [1, 8, 64, 4],
    [2, 4, 96, 8],
    [3, 2, 112, 16],
    [4, 1, 120, 32],
  ] as const)(
    '%i: stride %i, %i channels, %i cells for 32 pixels, of which the last stage is enlarged',
    (mapStages, stride, channels, cells) => {
      const net = resnet18({ stem: 'cifar', width: 0.125, mapStages });
      expect([net.stride, net.channels, net.grid(32)]).toEqual([stride, channels, cells]);
      const weights = createWeights(net.specs, Rng.create(1));
      const images = seededTensor<tf.Rank.R4>([2, 32, 32, 3], 1);
      const { map, pooled } = net.apply(weights, images, EVAL);
      expect(map.shape).toEqual([2, cells, cells, channels]);
      const last = tf.slice(pooled, [0, channels - 64], [2, 64]);
      expectClose(last, Array.from(tf.mean(net.stages(weights, images, EVAL).stage4, [1, 2]).dataSync()), {
        abs: 1e-5,
      });
    },
  );
});

describe('shapes', () => {
  test.each(GRIDS)('stem %s has stride %i and cells %j for sides 32, 64, 96, 224', (stem, stride, cells) => {
    const net = resnet18({ stem });
    expect(net.stride).toBe(stride);
    expect([32, 64, 96, 224].map((side) => net.grid(side))).toEqual(cells);
  });

  test.each(GRIDS)('stem %s gives the map that it promises, for an odd side too', (stem) => {
    const net = resnet18({ stem, width: 0.125 });
    const weights = createWeights(net.specs, Rng.create(1));
    for (const side of [32, 27]) {
      const { map, pooled } = net.apply(weights, seededTensor<tf.Rank.R4>([1, side, side, 3], 1), EVAL);
      expect(map.shape).toEqual([1, net.grid(side), net.grid(side), 64]);
      expect(pooled.shape).toEqual([1, net.channels]);
    }
  });

  test.each([
    // torchvision without the classifier: 11,689,512 − 513,000; 21,797,672 − 513,000; 25,557,032 − 2,049,000
    ['resnet18', resnet18, 512, 11_176_512],
    ['resnet34', resnet34, 512, 21_284_672],
    ['resnet50', resnet50, 2048, 23_508_032],
  ] as const)('%s has %#s channels and the weights of torchvision’s', (name, make, channels, values) => {
    const net = make();
    expect(net.name).toBe(name);
    expect(net.channels).toBe(channels);
    expect(trainedValues(net.specs)).toBe(values);
  });

  test.each([
    // multiply-adds that torchvision states, in 1e9, without the classifier's 0.0005 (0.002)
    [resnet18, 1.814],
    [resnet34, 3.664],
    [resnet50, 4.089],
  ] as const)('%o costs twice the multiply-adds at 224 pixels', (make, giga) => {
    expect(make().flops(224) / 2e9).toBeCloseTo(giga - (make === resnet50 ? 0.002 : 0.0005), 2);
  });

  test('width scales channels in steps of 8', () => {
    expect(resnet18({ width: 0.125 }).channels).toBe(64);
    expect(resnet18({ width: 0.3 }).channels).toBe(8 * 16); // 19.2 channels at first, rounded to 16
    expect(resnet18({ width: 0.01 }).channels).toBe(64);
    expect(resnet50({ width: 2 }).channels).toBe(4096);
  });

  test('a bottleneck carries its stride on the 3×3 convolution', () => {
    const { specs } = resnet50();
    expect(specs['stage2/block0/conv1/kernel']!.shape).toEqual([1, 1, 256, 128]);
    expect(specs['stage2/block0/conv2/kernel']!.shape).toEqual([3, 3, 128, 128]);
    expect(specs['stage2/block0/shortcut/conv/kernel']!.shape).toEqual([1, 1, 256, 512]);
    expect(specs['stage2/block1/shortcut/conv/kernel']).toBeUndefined();
  });
});

/** Loss, gradients by weight name and one running mean of a training pass. */
function trainOnce(net: ResNet) {
  const weights = createWeights(net.specs, Rng.create(1));
  const images = seededTensor<tf.Rank.R4>([4, 16, 16, 3], 2);
  const upstream = seededTensor([4, net.channels], 3);
  const { value, grads } = tf.variableGrads(
    () => tf.sum(tf.mul(net.apply(weights, images, TRAIN).pooled, upstream)) as tf.Scalar,
  );
  const byName = Object.fromEntries(
    Object.entries(weights).flatMap(([name, v]) => (grads[v.name] === undefined ? [] : [[name, grads[v.name]!]])),
  );
  const mean = tf.clone(weights['stage3/block0/bn1/mean']!);
  tf.dispose(Object.values(weights));
  return { value, grads: byName, mean };
}

const TINY = { stem: 'cifar', width: 0.125 } as const;

describe('training', () => {
  test('recomputing blocks changes neither value, gradients nor running statistics', () => {
    const [plain, again] = [trainOnce(resnet18(TINY)), trainOnce(resnet18({ ...TINY, recompute: 'block' }))];
    expectClose(again.value, plain.value);
    expectClose(again.mean, plain.mean);
    expect(Object.keys(again.grads)).toHaveLength(60);
    for (const [name, grad] of Object.entries(plain.grads)) expectClose(again.grads[name]!, grad, { rel: 1e-4 });
  });

  test('one sub-batch is plain batch norm; two have other statistics', () => {
    const [plain, two] = [trainOnce(resnet18(TINY)), trainOnce(resnet18({ ...TINY, splits: 2 }))];
    expectClose(trainOnce(resnet18({ ...TINY, splits: 1 })).value, plain.value);
    expect(Math.abs(two.value.dataSync()[0]! - plain.value.dataSync()[0]!)).toBeGreaterThan(1e-3);
  });

  test('with zero-initialised residuals the first stage is the identity at the start', () => {
    const net = resnet18({ ...TINY, zeroInitResidual: true });
    const weights = createWeights(net.specs, Rng.create(1));
    const maps = net.stages(weights, seededTensor<tf.Rank.R4>([2, 16, 16, 3], 2), TRAIN);
    expectClose(maps.stage1, maps.pool);
  });

  test('the pooled feature is the mean of the map', () => {
    const net = resnet18(TINY);
    const images = seededTensor<tf.Rank.R4>([2, 16, 16, 3], 2);
    const { map, pooled } = net.apply(createWeights(net.specs, Rng.create(1)), images, TRAIN);
    expectClose(pooled, tf.mean(map, [1, 2]));
  });

  test.each([
    ['fanOut', Math.sqrt(2 / (9 * 512))],
    ['fanIn', Math.sqrt(2 / (9 * 256))],
  ] as const)('convolutions start by %s', (convInit, std) => {
    const { shape, init } = resnet18({ convInit }).specs['stage4/block0/conv1/kernel']!;
    const values = tf.tensor(init(shape, Rng.create(1)));
    expect(tf.moments(values).variance.dataSync()[0]!).toBeCloseTo(std ** 2, 5);
  });
});

describe('options', () => {
  test('all wrong options are reported together', () => {
    expect(() => resnet18({ stem: 'cifr' as Stem, width: 0, splits: 1.5 })).toThrow(
      /stem must be one of.*\n.*width must be.*\n.*splits must be/,
    );
  });

  test('a side must be a positive integer', () => {
    expect(() => resnet18().grid(0)).toThrow(/input side is 0/);
  });
});
