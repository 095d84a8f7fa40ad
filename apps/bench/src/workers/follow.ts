import { SslError } from '@contrastive/core';
import { assemble, openLoader, type Parts } from '../assemble.js';
import type { PretrainOptions } from '../pretrain.js';
import { restoreTrainer } from '../restore.js';
import { withRollbacks } from '../rollback.js';
import { RunFolder } from '../run-folder.js';
import { trainingLoop } from '../training-loop.js';
import { howToGoOn } from './ended.js';

/**
 * Trains as rank 1 or up of several workers: the same steps as rank 0 on its own part of every batch, and writes nothing. It reads the
 * run folder to resume, and to go back after a divergence.
 *
 * @returns false if the run was stopped. @throws SslError as `pretrain`.
 */
export async function follow(options: PretrainOptions): Promise<boolean> {
  const { config, out, resume, output, interrupt, cluster } = options;
  const folder = RunFolder.look(out);
  const parts = await assemble(config, output, cluster);
  try {
    if (resume) await restoreTrainer(folder, parts.trainer, output);
    interrupt.arm();
    return await train(options, parts);
  } catch (error) {
    if (!(error instanceof SslError && error.code === 'WORKER_LOST')) throw error;
    throw new SslError(error.code, error.message, { hint: howToGoOn(out), cause: error });
  } finally {
    interrupt.dispose();
    output.end();
    parts.trainer.dispose();
    await parts.images.close();
  }
}

async function train({ out, output, interrupt }: PretrainOptions, parts: Parts): Promise<boolean> {
  const { config, trainer, team } = parts;
  const loader = await openLoader(parts);
  const run = () =>
    trainingLoop({
      ...{ trainer, loader, batch: config.batch, accumulate: config.accumulate, recordEvery: config.recordEvery },
      earlierLosses: [],
      shouldStop: (stepsDone) => team.agreeToStop(interrupt.signal.aborted, stepsDone),
      onStep: ({ progress }) => output.update(progress),
      onEpoch: ({ progress }, loss) => output.epoch({ ...progress, loss }),
    });
  try {
    const complete = await withRollbacks(config, trainer, output, run, () =>
      restoreTrainer(RunFolder.look(out), trainer, output),
    );
    await team.leave();
    return complete;
  } finally {
    await loader.close();
  }
}
