import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { updateEma } from './ema.js';
import { copyWeights, createWeights, type WeightSpecs } from './module.js';
import { Rng } from './rng.js';

const ones = (shape: readonly number[]) => new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1);
const specs: WeightSpecs = {
  kernel: { shape: [2, 2], role: 'kernel', init: ones },
  scale: { shape: [2], role: 'norm', init: ones },
  mean: { shape: [2], role: 'statistic', init: ones },
  patch: { shape: [2], role: 'kernel', init: ones, frozen: true },
};

/** First value of each target weight after an update from ones towards threes. */
function after(momentum: number, options?: { readonly buffers: boolean }): Record<string, number> {
  const target = createWeights(specs, Rng.create(1));
  const online = copyWeights(specs, target);
  for (const variable of Object.values(online)) variable.assign(tf.fill(variable.shape, 3));
  const before = tf.memory().numTensors;
  const m = tf.scalar(momentum);
  updateEma(specs, target, { ...online, extra: online.mean! }, m, options);
  m.dispose();
  expect(tf.memory().numTensors).toBe(before);
  return Object.fromEntries(Object.entries(target).map(([name, v]) => [name, v.dataSync()[0]!]));
}

describe('updateEma', () => {
  it('moves what is trained and leaves statistics and frozen weights', () => {
    const moved = after(0.75);
    expect(moved.kernel).toBeCloseTo(1.5, 6);
    expect(moved.scale).toBeCloseTo(1.5, 6);
    expect(moved.mean).toBe(1);
    expect(moved.patch).toBe(1);
  });

  it('averages statistics too where it is asked to', () => {
    expect(after(0.75, { buffers: true })).toMatchObject({ mean: 1.5, kernel: 1.5, patch: 1 });
  });

  it('copies at momentum 0 and changes nothing at momentum 1', () => {
    expect(after(0)).toMatchObject({ kernel: 3, scale: 3 });
    expect(after(1)).toMatchObject({ kernel: 1, scale: 1 });
  });
});
