import { SslError } from '@contrastive/core';
import { type Cell, runSteps, trainerOf, using } from './cell.js';

/** Whether parts go together. The parts themselves say so: no table of exceptions is kept anywhere. */
export type Fit = { readonly isSupported: true } | { readonly isSupported: false; readonly reason: string };

/**
 * Composes the cell and takes one step.
 *
 * @returns not supported, with the reason, if that fails as `INCOMPATIBLE`.
 * @throws every other error: a bug.
 */
export async function fitOf(cell: Cell): Promise<Fit> {
  try {
    await using(trainerOf(cell), (trainer) => runSteps(trainer, 1));
    return { isSupported: true };
  } catch (error) {
    if (error instanceof SslError && error.code === 'INCOMPATIBLE')
      return { isSupported: false, reason: error.message };
    throw error;
  }
}
