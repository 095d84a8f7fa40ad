import { eagerRuntime, hostInts, type Runtime, sgd, Trainer } from '@contrastive/core';
import { compiledRuntime, loadTensorFlow, useWasmBackend } from '@contrastive/engine';
import { simclr } from '@contrastive/hosts';
import { expect, test } from 'vitest';
import { makeBackbone, makeRecipes, normalizationOf } from '../src/catalogue.js';
import { noise } from '../src/commands/bench-step.js';

const [BATCH, SIDE, STEPS, RATE] = [8, 16, 20, 1e-5];

/**
 * Losses of SimCLR with a ResNet-18 of a quarter of the width. A value within rounding of 0 passes a ReLU on one backend only, which moves
 * the gradient by some 1e-4 of its length; the rate is that of a warm-up, so that these differences do not grow from step to step.
 */
async function losses(runtime: Runtime): Promise<number[]> {
  const trainer = new Trainer({
    host: simclr({ backbone: makeBackbone({ name: 'resnet18', width: 0.25 }, SIDE), temperature: 0.5 }),
    recipes: makeRecipes('lightlyCifar', normalizationOf('imagenet')),
    optimizer: sgd({ learningRate: RATE, momentum: 0.9 }),
    schedule: () => RATE,
    ...{ batch: BATCH, side: SIDE, epochs: 1, stepsPerEpoch: STEPS, seed: 1, runtime },
  });
  const ids = hostInts(Int32Array.from({ length: BATCH }, (_, n) => n));
  const given: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    const images = { view1: noise(`1/${i % 4}`, BATCH, SIDE), view2: noise(`2/${i % 4}`, BATCH, SIDE) };
    given.push((await trainer.step([{ images, ids }])).metrics.loss!);
  }
  trainer.dispose();
  return given;
}

test('wasm trains as TensorFlow does: the same losses to 1e-4 over 20 steps', async () => {
  await useWasmBackend();
  const wasm = await losses(eagerRuntime);
  await loadTensorFlow({ threads: 1 });
  const tensorflow = await losses(compiledRuntime());
  expect(Math.max(...wasm.map((loss, i) => Math.abs(loss - tensorflow[i]!)))).toBeLessThan(1e-4);
  expect(Math.abs(wasm.at(-4)! - wasm[0]!)).toBeGreaterThan(0.1); // it did train: the same images
}, 300_000);
