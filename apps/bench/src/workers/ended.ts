import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SslError } from '@contrastive/core';
import { toldError, type WorkerMessage } from './launched.js';

/** How a worker ended. */
export interface Ended {
  readonly rank: number;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The error that it told of. */
  readonly told: Extract<WorkerMessage, { kind: 'failed' }> | undefined;
  /** The launcher ended it, since it did not end by itself after another had failed. */
  readonly killed: boolean;
  /** The last line it wrote, for rank 1 and up. */
  readonly lastLine: string;
}

/**
 * Why a run of several workers failed. One that dies takes all others with it, which then only know that somebody is gone, or never came:
 * so an error of a worker's own comes first, then a death, then one that did not answer.
 */
export function rootCause(
  ends: readonly Ended[],
  run: { readonly out: string; readonly timeoutSeconds: number },
): SslError {
  const withError = (isWanted: (code: string) => boolean) =>
    ends.find(({ told }) => told !== undefined && isWanted(told.code));
  const own = withError((code) => code !== 'WORKER_LOST' && code !== 'CLUSTER');
  if (own !== undefined) return ofWorker(own);
  const hint = howToGoOn(run.out);
  const died = ends.find(({ signal, killed }) => signal !== null && !killed);
  if (died !== undefined) return lost(died, `was ended by ${died.signal}.`, hint);
  const apart = withError((code) => code === 'CLUSTER');
  if (apart !== undefined) return ofWorker(apart);
  const silent = ends.find(({ killed }) => killed);
  if (silent !== undefined) return lost(silent, `did not answer for ${run.timeoutSeconds} s.`, hint);
  const broken = ends.find(({ code, told }) => code !== 0 && told === undefined);
  if (broken !== undefined) return lost(broken, `ended with exit code ${broken.code}: ${broken.lastLine}`, hint);
  return ofWorker(ends.find(({ told }) => told !== undefined)!);
}

function ofWorker({ rank, told }: Ended): SslError {
  const error = toldError(told!);
  if (rank === 0) return error;
  return new SslError(
    error.code,
    `Worker ${rank}: ${error.message}`,
    error.hint === undefined ? {} : { hint: error.hint },
  );
}

const lost = ({ rank, pid }: Ended, what: string, hint: string): SslError =>
  new SslError('WORKER_LOST', `Worker ${rank} (process ${pid}) ${what}`, { hint });

/** What is left of a run whose workers are gone. */
export function howToGoOn(out: string): string {
  const folder = join(out, 'checkpoints');
  const newest = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.safetensors'))
        .sort()
        .at(-1)
    : undefined;
  return newest === undefined
    ? 'No checkpoint had been written yet: start again.'
    : `The last checkpoint is ${join(folder, newest)}: go on with --resume --out ${out}.`;
}
