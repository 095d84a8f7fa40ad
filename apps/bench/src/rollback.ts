import { SslError, type Trainer } from '@contrastive/core';
import type { RunConfig } from './config.js';
import type { ProgressOutput } from './progress.js';

/** Of the learning rate, at every rollback. */
const FACTOR = 1 / 2;
/** A run that has gone back this often has other troubles than its learning rate. */
const MAX_ROLLBACKS = 3;

/**
 * Runs `train`. With `onDivergence: 'rollback'`, a run that diverges is put back to its last checkpoint and goes on with half the learning
 * rate it had. The same state with the same rate would diverge again, since draws depend on seed and step only. The factor is saved with
 * the next checkpoint: what is resumed before that diverges and goes back once more, to the same result.
 *
 * @param restore puts the trainer back; false if there is no checkpoint.
 * @throws SslError `NOT_FINITE` without a checkpoint, or after three rollbacks; whatever else `train` throws.
 */
export async function withRollbacks<T>(
  { onDivergence }: Pick<RunConfig, 'onDivergence'>,
  trainer: Pick<Trainer, 'learningRateFactor'>,
  { message }: Pick<ProgressOutput, 'message'>,
  train: () => Promise<T>,
  restore: () => Promise<boolean>,
): Promise<T> {
  for (;;) {
    try {
      return await train();
    } catch (error) {
      const diverged = error instanceof SslError && error.code === 'NOT_FINITE';
      const factor = trainer.learningRateFactor * FACTOR;
      if (onDivergence !== 'rollback' || !diverged || factor < FACTOR ** MAX_ROLLBACKS) throw error;
      message(`${error.message} Going back to the last checkpoint, with ${factor} of the learning rate.`);
      if (!(await restore())) throw error;
      trainer.learningRateFactor = factor;
    }
  }
}
