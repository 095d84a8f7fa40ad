import { decodeSafetensors, eagerRuntime, encodeSafetensors, type Runtime, type StepReport } from '@contrastive/core';
import { type Cell, runSteps, trainerOf, using } from '../cell.js';
import { requireSame } from '../same.js';
import type { Check } from './check.js';

const lossesOf = (reports: readonly StepReport[]) => reports.map((r) => r.metrics.loss!);

/**
 * Two steps, a checkpoint through its file format, and two more in a trainer of newly made parts, against four steps at once: throws
 * unless losses are equal and all variables are the same bit for bit, the optimiser's and all rings included.
 */
export async function requireResume(cell: Cell, runtime: Runtime = eagerRuntime): Promise<void> {
  const whole = await using(trainerOf(cell, runtime), async (trainer) => {
    const reports = await runSteps(trainer, 4);
    return { losses: lossesOf(reports), tensors: (await trainer.snapshot()).tensors };
  });
  const saved = await using(trainerOf(cell, runtime), async (trainer) => {
    await runSteps(trainer, 2);
    const { tensors, meta } = await trainer.snapshot();
    return { meta, file: encodeSafetensors({ tensors, metadata: {} }) };
  });
  await using(trainerOf(cell, runtime), async (trainer) => {
    await trainer.restore({ meta: saved.meta, tensors: decodeSafetensors(saved.file).tensors });
    const losses = lossesOf(await runSteps(trainer, 2));
    if (String(losses) !== String(whole.losses.slice(2))) {
      throw new Error(`Resumed losses are ${losses}, uninterrupted ones ${whole.losses.slice(2)}.`);
    }
    requireSame('After the resumed run', (await trainer.snapshot()).tensors, whole.tensors);
  });
}

export const resumes: Check = {
  name: 'goes on from a checkpoint bit for bit as if it had never been interrupted',
  run: (cell) => requireResume(cell),
};
