import type { Trainer } from '@contrastive/core';
import type { ProgressOutput } from './progress.js';
import type { RunFolder } from './run-folder.js';

/**
 * Puts a trainer back to the newest whole checkpoint of a run.
 *
 * @returns false if there is none. @throws SslError `CHECKPOINT` if all are damaged, or belong to another configuration.
 */
export async function restoreTrainer(
  folder: Pick<RunFolder, 'loadCheckpoint'>,
  trainer: Trainer,
  { message }: Pick<ProgressOutput, 'message'>,
): Promise<boolean> {
  const checkpoint = folder.loadCheckpoint();
  if (checkpoint === undefined) return false;
  for (const damage of checkpoint.damaged) message(`Passed over a damaged checkpoint: ${damage}`);
  await trainer.restore(checkpoint.snapshot);
  message(`Going on after step ${trainer.stepsDone}.`);
  return true;
}
