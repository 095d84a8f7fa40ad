import { eagerRuntime, type HostTensors, hostTensor, type Runtime, type StepReport } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Cell, runSteps, trainerOf, using } from '../cell.js';
import { requireClose } from '../same.js';
import type { Check } from './check.js';

/** Allowed difference between a recorded and an eager step: of losses, and of all variables after three steps. */
export const AGREEMENT = { losses: { rel: 1e-4, abs: 1e-5 }, variables: { rel: 1e-3, abs: 1e-4 } } as const;

async function threeSteps(cell: Cell, runtime: Runtime) {
  return using(trainerOf(cell, runtime), async (trainer) => {
    const reports = await runSteps(trainer, 1);
    const first = tf.memory().numTensors;
    reports.push(...(await runSteps(trainer, 2)));
    const now = tf.memory().numTensors;
    if (now !== first)
      throw new Error(`${runtime.name}: ${first} tensors after the first step, ${now} after the third.`);
    requireFinite(runtime.name, reports);
    return { losses: lossesOf(reports), variables: (await trainer.snapshot()).tensors };
  });
}

/** Loss and terms of each step. */
const lossesOf = (reports: readonly StepReport[]): HostTensors =>
  Object.fromEntries(
    reports.flatMap(({ metrics, step }) =>
      Object.entries(metrics)
        .filter(([name]) => name === 'loss' || name.startsWith('loss/'))
        .map(([name, value]) => [`${name} of step ${step}`, hostTensor([], [value])]),
    ),
  );

function requireFinite(runtime: string, reports: readonly StepReport[]): void {
  for (const { metrics, step } of reports) {
    for (const [name, value] of Object.entries(metrics)) {
      if (!Number.isFinite(value)) throw new Error(`${runtime}: ${name} is ${value} at step ${step}.`);
    }
  }
}

/** Three recorded and three eager steps: finite, no tensor left over, equal within {@link AGREEMENT}. */
export const recordedIsEager: Check = {
  name: 'gives the same in recorded as in eager steps, all of it finite',
  skip: ({ recorded }) => (recorded === undefined ? 'TensorFlow is missing, so no step can be recorded' : undefined),
  run: async (cell, { recorded }) => {
    const eager = await threeSteps(cell, eagerRuntime);
    const replayed = await threeSteps(cell, recorded!);
    requireClose('Recorded and eager', replayed.losses, eager.losses, AGREEMENT.losses);
    requireClose('Recorded and eager', replayed.variables, eager.variables, AGREEMENT.variables);
  },
};
