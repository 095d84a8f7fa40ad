import '@tensorflow/tfjs-backend-cpu';
import { hostTensor, type Parameter } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { enlarge, type SegmentationSet, scoreSegmentation, trainSegmentation } from './segmentation.js';
import type { EncodeMap } from './train-head.js';

/** 8 × 8 images whose left part is dark and right part bright; image i changes at column 2, 4 or 6. */
function stripes(count: number): SegmentationSet {
  const bright = (i: number, column: number) => column >= 2 + 2 * (i % 3);
  const masks = Uint8Array.from({ length: count * 64 }, (_, p) => (bright(Math.floor(p / 64), p % 8) ? 1 : 0));
  const images = hostTensor<tf.Rank.R4>(
    [count, 8, 8, 3],
    Float32Array.from({ length: count * 192 }, (_, v) => (masks[Math.floor(v / 3)] ? 1 : -1)),
  );
  return { images, masks };
}
const halve: EncodeMap = (images) => tf.avgPool(images, 2, 2, 'valid');

describe('enlarge', () => {
  it('interpolates between cell centres and repeats at the border', () => {
    const out = enlarge(tf.tensor4d([0, 4], [1, 1, 2, 1]), 2, 4);
    expect([...out.dataSync()]).toEqual([0, 1, 3, 4, 0, 1, 3, 4]);
  });

  it('keeps rows, columns and channels apart', () => {
    const map = tf.tensor4d([1, 10, 2, 20, 3, 30, 4, 40], [1, 2, 2, 2]);
    expect([...enlarge(map, 2, 2).dataSync()]).toEqual([1, 10, 2, 20, 3, 30, 4, 40]);
  });
});

describe('trainSegmentation', () => {
  it('learns bright from dark on a frozen map, and frees its tensors', async () => {
    const before = tf.memory().numTensors;
    const model = await trainSegmentation(halve, stripes(6), { steps: 60, batchSize: 4, learningRate: 0.1 });
    const scores = await scoreSegmentation(model, stripes(9), 2);
    expect(scores.meanIou).toBe(1);
    expect(model.protocol).toBe('segmentation, frozen, 1 × 1 head, 8 px, 60 steps');
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('trains the encoder too where its weights are named, and leaves it alone otherwise', async () => {
    const variable = tf.variable(tf.zeros([1]));
    const gain: Parameter = {
      path: 'gain',
      variable,
      spec: { shape: [1], role: 'kernel', init: () => Float32Array.of(0) },
    };
    // Without gain all maps are zero, so that a frozen encoder can only give one class.
    const encode: EncodeMap = (images) => tf.mul(halve(images), variable);
    const options = { steps: 80, batchSize: 4, learningRate: 0.1 };
    const frozen = await trainSegmentation(encode, stripes(6), options);
    expect((await scoreSegmentation(frozen, stripes(9), 2)).meanIou).toBeLessThan(0.5);
    expect(variable.dataSync()[0]).toBe(0);
    const tuned = await trainSegmentation(encode, stripes(6), { ...options, trained: [gain] });
    expect((await scoreSegmentation(tuned, stripes(9), 2)).meanIou).toBe(1);
    expect(tuned.protocol).toContain('fine-tuned');
  });

  it('ignores pixels of class 255', async () => {
    const set = stripes(4);
    // Half of the labels lie, but are ignored.
    const masks = set.masks.map((m, p) => (p % 2 === 0 ? m : 255));
    const model = await trainSegmentation(halve, { ...set, masks }, { steps: 60, learningRate: 0.1 });
    expect((await scoreSegmentation(model, set, 2)).meanIou).toBe(1);
  });

  it('gives the same model for the same seed', async () => {
    const predictions = async () => {
      const model = await trainSegmentation(halve, stripes(6), { steps: 3, seed: 5 });
      return [...(await model.predict(stripes(9).images))];
    };
    expect(await predictions()).toEqual(await predictions());
  });

  it('refuses masks that do not fit, unknown classes, divergence and bad options', async () => {
    const set = stripes(2);
    await expect(trainSegmentation(halve, { ...set, masks: new Uint8Array(3) })).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
    });
    await expect(trainSegmentation(halve, { ...set, masks: set.masks.map(() => 7) })).rejects.toThrow(
      /class 7, but there are 2/,
    );
    await expect(trainSegmentation(halve, set, { classes: 1, steps: 0 })).rejects.toThrow(/steps.*\n.*classes/);
    const huge: EncodeMap = (images) => tf.mul(halve(images), Number.POSITIVE_INFINITY) as tf.Tensor4D;
    await expect(trainSegmentation(huge, set, { steps: 1 })).rejects.toMatchObject({ code: 'NOT_FINITE' });
  });
});
