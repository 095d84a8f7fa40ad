import { decodeSafetensors, encodeSafetensors, type StepReport } from '@contrastive/core';
import { runSteps, trainerOf, using } from '../cell.js';
import { requireSame } from '../same.js';
import type { Check } from './check.js';

const lossesOf = (reports: readonly StepReport[]) => reports.map((r) => r.metrics.loss!);

/**
 * Two steps, a checkpoint through its file format, and two more in a trainer of newly made parts, against four steps at once: equal
 * losses and bit-equal variables, the optimiser's and all rings included.
 */
export const resumes: Check = {
  name: 'goes on from a checkpoint bit for bit as if it had never been interrupted',
  run: async (cell) => {
    const whole = await using(trainerOf(cell), async (trainer) => {
      const reports = await runSteps(trainer, 4);
      return { losses: lossesOf(reports), tensors: (await trainer.snapshot()).tensors };
    });
    const saved = await using(trainerOf(cell), async (trainer) => {
      await runSteps(trainer, 2);
      const { tensors, meta } = await trainer.snapshot();
      return { meta, file: encodeSafetensors({ tensors, metadata: {} }) };
    });
    await using(trainerOf(cell), async (trainer) => {
      await trainer.restore({ meta: saved.meta, tensors: decodeSafetensors(saved.file).tensors });
      const losses = lossesOf(await runSteps(trainer, 2));
      if (String(losses) !== String(whole.losses.slice(2))) {
        throw new Error(`Resumed losses are ${losses}, uninterrupted ones ${whole.losses.slice(2)}.`);
      }
      requireSame('After the resumed run', (await trainer.snapshot()).tensors, whole.tensors);
    });
  },
};
