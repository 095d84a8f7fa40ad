import '@tensorflow/tfjs-backend-cpu';
import { constantRate, sgd } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { clouds, labelled } from '../../test/data.js';
import { batchStandardizer } from './batch-standardizer.js';
import { evaluateProbe, type ProbeRecipe, trainProbe } from './probe.js';
import { exponentialRate, PROBE_RECIPES } from './probe-recipes.js';

const train = clouds(90, 6, 3, 1.2, 4);
const test = clouds(60, 6, 3, 1.2, 4);
const plain: ProbeRecipe = {
  ...PROBE_RECIPES.moco,
  name: 'plain',
  learningRate: 0.1,
  batchSize: 32,
  epochs: 5,
  optimizer: (learningRate) => sgd({ learningRate, momentum: 0, weightDecay: 0 }),
  schedule: constantRate,
  initializer: 'zeros',
};

describe('trainProbe', () => {
  it('takes one step of gradient descent as written by hand', async () => {
    // From zeros the softmax is 1/2: residuals ∓1/2, mean gradient of W[0] = (2·(−1/2) + (−4)·(1/2))/2 = −3/2 for class 0.
    const fit = await trainProbe(labelled([[2], [-4]], [0, 1]), { ...plain, batchSize: 2, epochs: 1 });
    expect([...fit.weights]).toEqual([0.15, -0.15].map(Math.fround));
    expect([...fit.intercept]).toEqual([0, 0]);
    expect(fit.lossPerEpoch[0]).toBeCloseTo(Math.LN2, 6);
  });

  it('gives the same result for the same seed, another for another', async () => {
    const fit = async (seed: number) => [
      ...(await trainProbe(train, { ...plain, initializer: 'normal001' }, { seed })).weights,
    ];
    expect(await fit(3)).toEqual(await fit(3));
    expect(await fit(3)).not.toEqual(await fit(4));
  });

  it('scales the rate with the batch where the recipe says so, and uses the set where the batch is larger', async () => {
    const recipe = { ...plain, referenceBatch: 256, epochs: 1 };
    expect((await trainProbe(train, recipe, { batchSize: 64 })).learningRate).toBeCloseTo(0.1 / 4, 12);
    expect(await trainProbe(train, recipe, { batchSize: 4096 })).toMatchObject({
      batchSize: 90,
      learningRate: (0.1 * 90) / 256,
    });
  });

  it('uses the smaller last batch of an epoch', async () => {
    // Rate 0 cannot be set; a rate near 0 leaves the loss at its start, ln 3, only if all 90 rows are counted.
    const fit = await trainProbe(train, plain, { batchSize: 64, epochs: 1, learningRate: 1e-12 });
    expect(fit.lossPerEpoch[0]).toBeCloseTo(Math.log(3), 5);
  });

  it('asks for new features every epoch where the source is a function, and reports epochs', async () => {
    const asked: number[] = [];
    const reported: number[] = [];
    const source = (epoch: number) => {
      asked.push(epoch);
      return train;
    };
    await trainProbe(source, plain, { epochs: 3, onEpoch: (epoch) => reported.push(epoch) });
    expect([asked, reported]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    const changing = (epoch: number) => (epoch === 1 ? train : { ...train, labels: train.labels.map((y) => y + 1) });
    await expect(trainProbe(changing, plain)).rejects.toThrow(/label 3 occurs, but the first epoch had 3 classes/);
  });

  it('frees its tensors, also when it fails', async () => {
    const before = tf.memory().numTensors;
    await trainProbe(train, plain, { epochs: 2 });
    await expect(trainProbe(train, plain, { learningRate: 1e38, epochs: 50 })).rejects.toMatchObject({
      code: 'NOT_FINITE',
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses one class, missing labels, NaN and bad options', async () => {
    await expect(trainProbe(labelled([[1], [2]], [0, 0]), plain)).rejects.toThrow(/all 2 training labels are 0/);
    await expect(trainProbe({ ...train, labels: new Int32Array(1) }, plain)).rejects.toMatchObject({ code: 'DATA' });
    await expect(trainProbe(labelled([[1], [Number.NaN]], [0, 1]), plain)).rejects.toMatchObject({
      code: 'NOT_FINITE',
    });
    await expect(trainProbe(train, plain, { epochs: 0, batchSize: 0 })).rejects.toThrow(/epochs.*\n.*batchSize/);
  });
});

describe('PROBE_RECIPES', () => {
  it.each(Object.entries(PROBE_RECIPES))('%s lowers the loss on separated clouds', async (_, recipe) => {
    // Rates belong to features of other norms: a smaller one for the recipes of rate 10 and more.
    const learningRate = Math.min(recipe.learningRate, 0.5);
    const { fit, top1 } = await evaluateProbe(train, test, recipe, { epochs: 15, batchSize: 32, learningRate });
    expect(fit.lossPerEpoch.at(-1)!).toBeLessThan(fit.lossPerEpoch[0]!);
    expect(top1.total).toBe(60);
    expect(fit.protocol).toBe(recipe.name);
  });

  it('W-MSE decays by 0.9817479430 an epoch over 500, its light form by 0.9120108394 over 100', () => {
    const at = (epochs: number, epoch: number) =>
      exponentialRate(1e-4)(1e-2, epochs)({ step: 0, epoch, epochs, stepsPerEpoch: 1 });
    expect(at(500, 1)).toBe(1e-2);
    expect(at(500, 2) / at(500, 1)).toBeCloseTo(0.981747943, 9);
    expect(at(100, 2) / at(100, 1)).toBeCloseTo(0.9120108394, 9);
    expect(at(500, 501)).toBeCloseTo(1e-6, 15);
  });
});

describe('evaluateProbe', () => {
  it('reaches 100 % on one-hot features', async () => {
    const oneHot = labelled(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      [1, 2, 0],
    );
    expect((await evaluateProbe(oneHot, oneHot, plain, { epochs: 50, learningRate: 1 })).top1.value).toBe(1);
  });

  it('refuses a test set of another width before it trains', async () => {
    await expect(evaluateProbe(train, labelled([[1]], [0]), plain)).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  });
});

describe('batchStandardizer', () => {
  it('standardises a batch, and folds running statistics into the layer', () => {
    const standardizer = batchStandardizer(1, 0);
    const batch = Float32Array.of(1, 3);
    standardizer.apply(batch, 2);
    expect([...batch]).toEqual([-1, 1]);
    // Running: mean 0.1·2 = 0.2; variance 0.9·1 + 0.1·2 (unbiased) = 1.1.
    const folded = standardizer.fold({
      dim: 1,
      classes: 1,
      weights: Float64Array.of(2),
      intercept: Float64Array.of(5),
    });
    expect(folded.weights[0]).toBeCloseTo(2 / Math.sqrt(1.1), 12);
    expect(folded.intercept[0]).toBeCloseTo(5 - (0.2 * 2) / Math.sqrt(1.1), 12);
  });
});
