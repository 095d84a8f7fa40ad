import { describe, expect, test } from 'vitest';
import type { Initializer } from '../module.js';
import { Rng } from '../rng.js';
import { kaimingNormal, normal, ones, torchUniform, xavierUniform, zeros } from './initializers.js';

/** Mean, standard deviation and largest magnitude of many values. */
function statisticsOf(init: Initializer, shape: readonly number[]) {
  const values = init(shape, Rng.create(1));
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return { mean, std, max: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) };
}

test('zeros and ones fill the shape', () => {
  expect(Array.from(zeros([2, 2], Rng.create(0)))).toEqual([0, 0, 0, 0]);
  expect(Array.from(ones([3], Rng.create(0)))).toEqual([1, 1, 1]);
});

test('normal values have the given deviation', () => {
  const { mean, std } = statisticsOf(normal(0.3), [100, 100]);
  expect(std).toBeCloseTo(0.3, 2);
  expect(mean).toBeCloseTo(0, 2);
});

describe('kaimingNormal', () => {
  test('counts what one input reaches: a 3×3 kernel to 128 channels has a fan-out of 1152', () => {
    expect(statisticsOf(kaimingNormal('fanOut'), [3, 3, 64, 128]).std).toBeCloseTo(Math.sqrt(2 / 1152), 3);
  });
  test('counts what one output adds: a 3×3 kernel from 64 channels has a fan-in of 576', () => {
    expect(statisticsOf(kaimingNormal('fanIn'), [3, 3, 64, 128]).std).toBeCloseTo(Math.sqrt(2 / 576), 3);
  });
});

test('torchUniform is bounded by 1/√fan-in and fills that range', () => {
  const { std, max } = statisticsOf(torchUniform, [100, 400]);
  expect(max).toBeLessThanOrEqual(0.1);
  expect(std).toBeCloseTo(0.1 / Math.sqrt(3), 3);
});

test('xavierUniform treats q, k and v as three square matrices', () => {
  const bound = Math.sqrt(6 / (2 * 64));
  const { max } = statisticsOf(xavierUniform(3), [64, 192]);
  expect(max).toBeLessThanOrEqual(bound);
  expect(max).toBeGreaterThan(0.99 * bound);
  expect(statisticsOf(xavierUniform(), [64, 192]).max).toBeLessThanOrEqual(Math.sqrt(6 / 256));
});
