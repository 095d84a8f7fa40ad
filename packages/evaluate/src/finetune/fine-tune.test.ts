import '@tensorflow/tfjs-backend-cpu';
import { type Backbone, eagerRuntime, linear, prefixed, Rng, sgd } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { ImageBatch } from '../extract/extract.js';
import { type FineTuneOptions, fineTune, type TrainingBatches } from './fine-tune.js';
import { FINE_TUNE_RECIPES, SEMI_SUPERVISED } from './recipes.js';

const dense = linear(12, 4);
/** Images of 2 × 2 pixels, flattened, through one layer. */
const backbone: Backbone = {
  name: 'dense',
  options: {},
  channels: 4,
  stride: 2,
  grid: () => 1,
  specs: dense.specs,
  apply: (weights, images, pass) => {
    const pooled = tf.relu(dense.apply(weights, tf.reshape(images, [-1, 12]) as tf.Tensor2D, pass)) as tf.Tensor2D;
    return { pooled, map: tf.reshape(pooled, [-1, 1, 1, 4]) };
  },
};

/** Noise with a shift of ±1 by class. */
function batch(n: number, seed: number, labelOf = (i: number) => i % 2): ImageBatch {
  const rng = Rng.create(seed);
  const labels = Int32Array.from({ length: n }, (_, i) => labelOf(i));
  const data = Float32Array.from({ length: n * 12 }, (_, i) => 0.5 * rng.normal() + 2 * (Math.floor(i / 12) % 2) - 1);
  return { images: { shape: [n, 2, 2, 3], dtype: 'float32', data }, labels };
}

const batches = (make: (epoch: number) => ImageBatch): TrainingBatches => ({
  batchSize: 8,
  stepsPerEpoch: 2,
  epoch: (epoch) => [make(2 * epoch), make(2 * epoch + 1)],
});

const options: FineTuneOptions = {
  backbone,
  recipe: { ...SEMI_SUPERVISED.light.onePercent, learningRate: 0.1 },
  train: batches((seed) => batch(8, seed)),
  classes: 2,
  runtime: eagerRuntime,
};

describe('fineTune', () => {
  it('learns classes that can be told apart, all layers, and scores batches of any size', async () => {
    const network = await fineTune(options);
    const before = tf.memory().numTensors;
    const { top1, predictions } = await network.score([batch(8, 99), batch(3, 100)]);
    expect([top1.correct, top1.total]).toEqual([11, 11]);
    expect([...predictions.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
    expect(tf.memory().numTensors).toBe(before);
    expect(network.lossPerEpoch).toHaveLength(20);
    expect(network.lossPerEpoch[0]).toBeGreaterThan(network.lossPerEpoch[19]!);
    network.dispose();
  });

  it('starts from the given weights, and leaves them as they are', async () => {
    const weights = Object.fromEntries(
      Object.entries(dense.specs).map(([name, { shape }]) => [name, tf.variable(tf.fill([...shape], 0.3), false)]),
    );
    const network = await fineTune({
      ...options,
      weights,
      epochs: 1,
      recipe: { ...options.recipe, learningRate: 1e-9 },
    });
    const trained = await network.encoder();
    expect((await trained.kernel!.data())[0]).toBeCloseTo(0.3, 6);
    const moved = await fineTune({ ...options, weights, epochs: 1 });
    expect((await (await moved.encoder()).kernel!.data())[0]).not.toBeCloseTo(0.3, 6);
    expect((await weights.kernel!.data())[0]).toBeCloseTo(0.3, 6);
    network.dispose();
    moved.dispose();
  });

  it('repeats exactly for a seed, and leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const run = async (seed: number) => {
      const network = await fineTune({ ...options, epochs: 2, seed });
      network.dispose();
      return network.lossPerEpoch;
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('moves the head by its own multiple of the rate', async () => {
    const head = { ...options.recipe, learningRate: 1e-9, headFactor: 1e8 };
    const network = await fineTune({ ...options, recipe: head });
    expect(network.lossPerEpoch[19]).toBeLessThan(network.lossPerEpoch[0]! - 0.01);
    network.dispose();
  });

  it('lets rates fall from block to block, and cuts long gradients', async () => {
    const parts = [0, 1].map((i) => prefixed(`block${i}`, linear(12, 12)));
    const last = prefixed('norm', linear(12, 4));
    const blocks: Backbone = {
      ...backbone,
      specs: Object.assign({}, ...[...parts, last].map((part) => part.specs)) as Backbone['specs'],
      apply: (weights, images, pass) => {
        const flat = tf.reshape(images, [-1, 12]) as tf.Tensor2D;
        const hidden = parts.reduce((x, part) => part.apply(weights, x, pass), flat);
        const pooled = last.apply(weights, hidden, pass);
        return { pooled, map: tf.reshape(pooled, [-1, 1, 1, 4]) };
      },
    };
    /** How far one step of Adam moves each layer: by its rate. */
    const moves = async (layerDecay: number | undefined) => {
      const recipe = { ...FINE_TUNE_RECIPES.vitMae, schedule: () => () => 0.01, mixing: undefined, layerDecay };
      const train = { ...options.train, stepsPerEpoch: 1, epoch: () => [batch(8, 1)] };
      const run = async (epochs: number) => {
        const network = await fineTune({ ...options, backbone: blocks, recipe, train, epochs });
        const weights = await network.encoder();
        const values = await Promise.all(
          ['block0', 'block1', 'norm'].map((name) => weights[`${name}/kernel`]!.data() as Promise<Float32Array>),
        );
        network.dispose();
        return values.map((v) => v.slice());
      };
      const [one, two] = [await run(1), await run(2)];
      return one.map((v, layer) => v.reduce((most, x, i) => Math.max(most, Math.abs(x - two[layer]![i]!)), 0));
    };
    const [first, second, third] = await moves(0.5);
    expect(first! / second!).toBeCloseTo(0.5, 1);
    expect(second! / third!).toBeCloseTo(0.5, 1);
    await expect(fineTune({ ...options, recipe: FINE_TUNE_RECIPES.vitMae })).rejects.toThrow(
      /needs a network of blocks/,
    );
    const plain = { ...options.recipe, optimizer: (learningRate: number) => sgd({ learningRate }), learningRate: 1 };
    const lossOf = async (clipNorm: number | undefined) => {
      const network = await fineTune({ ...options, recipe: { ...plain, clipNorm }, epochs: 1 });
      network.dispose();
      return network.lossPerEpoch[0]!;
    };
    const [unmoved, free] = [await lossOf(1e-6), await lossOf(undefined)];
    expect(unmoved).toBeCloseTo(Math.log(2), 2); // the head starts near 0 and hardly moves
    expect(Math.abs(free - unmoved)).toBeGreaterThan(0.01);
  });

  it('refuses labels outside the classes, missing labels, one class and empty epochs', async () => {
    const wrong = (labelOf: (i: number) => number) => ({ ...options, train: batches((s) => batch(8, s, labelOf)) });
    await expect(fineTune(wrong(() => 2))).rejects.toThrow(/label 2, but there are 2 classes/);
    await expect(fineTune(wrong(() => -1))).rejects.toThrow(/label -1/);
    const unlabelled = batches((s) => ({ images: batch(8, s).images }));
    await expect(fineTune({ ...options, train: unlabelled })).rejects.toThrow(/have no labels/);
    await expect(fineTune({ ...options, classes: 1 })).rejects.toThrow(/two are needed/);
    await expect(fineTune({ ...options, train: { ...options.train, stepsPerEpoch: 0 } })).rejects.toThrow(
      /fewer images/,
    );
    await expect(fineTune({ ...options, epochs: 0 })).rejects.toThrow(/epochs must be/);
  });

  it('says so when it diverges', async () => {
    const steep = { ...options.recipe, learningRate: 1e30 };
    await expect(fineTune({ ...options, recipe: steep })).rejects.toMatchObject({ code: 'NOT_FINITE' });
  });
});
