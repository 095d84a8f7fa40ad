import '@tensorflow/tfjs-backend-cpu';
import { hostTensor, Rng } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { type Box, detectionAp } from './detection.js';
import { type DetectionSet, trainDetector } from './detector.js';
import type { EncodeMap } from './train-head.js';

/** 16 × 16 images with one bright 6 × 6 or 6 × 8 square at random; class 1 is green. */
function squares(count: number, seed: number): DetectionSet {
  const rng = Rng.create(seed);
  const data = new Float32Array(count * 768);
  const objects = Array.from({ length: count }, (_, image) => {
    const [x, y, label] = [rng.integer(9), rng.integer(11), rng.integer(2)];
    const region: Box = [x, y, x + 6 + 2 * label, y + 6];
    for (let r = region[1]; r < region[3]; r++) {
      for (let c = region[0]; c < region[2]; c++) data[(image * 256 + r * 16 + c) * 3 + label] = 2;
    }
    return { image, label, region };
  });
  return { images: hostTensor<tf.Rank.R4>([count, 16, 16, 3], data), objects };
}
/** Each 4 × 4 patch of pixels, halved to 2 × 2, becomes a cell of 12 channels. */
const patches: EncodeMap = (images) => {
  const [n, h, w] = images.shape;
  const split = tf.reshape(tf.avgPool(images, 2, 2, 'valid'), [n, h / 4, 2, w / 4, 6]);
  return tf.reshape(tf.transpose(split, [0, 1, 3, 2, 4]), [n, h / 4, w / 4, 12]) as tf.Tensor4D;
};
const options = { classes: 2, channels: 16, steps: 60, batchSize: 8, learningRate: 0.02 };

describe('trainDetector', () => {
  it('finds squares it has not seen, and frees its tensors', async () => {
    const before = tf.memory().numTensors;
    const model = await trainDetector(patches, squares(64, 1), options);
    const test = squares(24, 2);
    const scores = detectionAp(test.objects, await model.detect(test.images));
    expect(scores.ap50).toBeGreaterThan(0.8);
    expect(model.protocol).toBe('detection, frozen, centre head, 16 px, 60 steps');
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('gives the same model for the same seed, and at most the detections asked for', async () => {
    const found = async () => {
      const model = await trainDetector(patches, squares(8, 1), { ...options, steps: 2, maxDetections: 3 });
      return model.detect(squares(4, 2).images);
    };
    const detections = await found();
    expect(detections).toEqual(await found());
    for (const image of [0, 1, 2, 3]) expect(detections.filter((d) => d.image === image).length).toBeLessThanOrEqual(3);
  });

  it('refuses no objects (ignored ones do not count), unknown classes and images, and bad options', async () => {
    const set = squares(2, 1);
    const ignored = set.objects.map((object) => ({ ...object, ignored: true }));
    await expect(trainDetector(patches, { ...set, objects: ignored }, options)).rejects.toThrow(/no object/);
    await expect(trainDetector(patches, set, { ...options, classes: 0, steps: 0 })).rejects.toThrow(
      /steps.*\n.*classes/,
    );
    const stray = [{ ...set.objects[0]!, image: 9 }];
    await expect(trainDetector(patches, { ...set, objects: stray }, options)).rejects.toThrow(/in image 9/);
  });
});
