import { eagerRuntime, type Runtime } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Cell, runSteps, trainerOf, using } from '../cell.js';
import type { Check } from './check.js';

/** Throws unless the number of tensors is the same after each of some steps, and back where it was after `dispose`. */
export async function requireNoLeak(cell: Cell, runtime: Runtime = eagerRuntime, steps = 5): Promise<void> {
  const before = tf.memory().numTensors;
  await using(trainerOf(cell, runtime), async (trainer) => {
    await runSteps(trainer, 1); // recording a step may allocate
    const first = tf.memory().numTensors;
    for (let step = 2; step <= steps; step++) {
      await runSteps(trainer, 1);
      const now = tf.memory().numTensors;
      if (now !== first) throw new Error(`${first} tensors after step 1, ${now} after step ${step}.`);
    }
  });
  const after = tf.memory().numTensors;
  if (after !== before) throw new Error(`${before} tensors before the trainer was made, ${after} after dispose.`);
}

export const keepsNoTensors: Check = {
  name: 'keeps the number of tensors constant over five steps',
  run: (cell) => requireNoLeak(cell),
};
