import { definePlugin, eagerRuntime, SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { type Cell, runSteps, trainerOf, using } from './cell.js';
import { HOSTS } from './hosts.js';
import { recordedRuntime } from './method.js';

/** Asks for a tensor of 4 TB, from its second epoch on: no machine has that. */
const greedy = () =>
  definePlugin({
    name: 'greedy',
    options: {},
    phase: ({ epoch }) => (epoch === 1 ? 'modest' : 'greedy'),
    observe: (_scored, { phase }) => {
      if (phase !== 'greedy') return {};
      const column = tf.ones([1_000_000, 1]) as tf.Tensor2D;
      return { sum: tf.sum(tf.matMul(column, column, false, true)) as tf.Scalar };
    },
  });

const runtime = await recordedRuntime();

describe.skipIf('missing' in runtime)('when TensorFlow runs out of memory', () => {
  it.each([
    ['recorded', runtime],
    ['eager', eagerRuntime],
  ])('a %s step fails with an error that names the batch, and leaves a state that can be saved', async (_, kind) => {
    if ('missing' in kind) return;
    const cell: Cell = { host: HOSTS[0]!.make, plugins: () => [greedy()] };
    await using(trainerOf(cell, kind), async (trainer) => {
      await runSteps(trainer, 4);
      const error = await runSteps(trainer, 1).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(SslError);
      expect(error).toMatchObject({
        code: 'OUT_OF_MEMORY',
        message: expect.stringMatching(/^A step with a batch of 8 images of 16 × 16 pixels needs more memory/),
        hint: expect.stringContaining('a batch smaller than 8'),
      });
      expect((await trainer.snapshot()).meta.step).toBe(4);
    });
  });
});
