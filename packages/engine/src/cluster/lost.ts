import { SslError } from '@contrastive/core';
import { CODE_NAMES } from '../native/status.js';

/** What TensorFlow says of a worker that does not answer: cancelled, deadline exceeded, aborted, unavailable. */
const LOST = new Set(['CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'UNAVAILABLE']);

/** The error of a failed step if its reason is another worker. */
export function workerLost(
  code: number,
  text: string,
  {
    workers,
    rank,
    timeoutSeconds,
  }: { readonly workers: readonly string[]; readonly rank: number; readonly timeoutSeconds?: number },
): SslError | undefined {
  const name = CODE_NAMES[code] ?? '';
  if (!LOST.has(name)) return undefined;
  const other = [...text.matchAll(/\/job:worker\/(?:replica:0\/)?task:(\d+)/g)]
    .map((m) => Number(m[1]))
    .find((r) => r !== rank);
  const who = other === undefined ? 'Another worker' : `Worker ${other} (${workers[other] ?? 'unknown address'})`;
  const what = name === 'DEADLINE_EXCEEDED' ? `did not answer within ${timeoutSeconds} s` : 'is gone';
  return new SslError(
    'WORKER_LOST',
    `${who} ${what}; rank ${rank} cannot go on. TensorFlow says ${name}: ${text.slice(0, 300)}`,
    {
      hint: 'Start all workers again: they go on from the last checkpoint. Look at the logs of the other workers for the reason.',
    },
  );
}
