import { SslError } from '@contrastive/core';
import { describe, UNKNOWN } from '../exit.js';

/** Environment variable with the process id of the launcher, for its workers. */
export const LAUNCHER = 'CONTRASTIVE_LAUNCHER';

/** What a worker tells its launcher. */
export type WorkerMessage =
  /** All steps are done: from now on nobody needs the other workers. */
  | { readonly kind: 'trained' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly hint?: string | undefined };

const isLaunched = (): boolean => process.send !== undefined && process.env[LAUNCHER] === String(process.ppid);

/**
 * Does the work of one process. If a launcher started it, an error goes to the launcher, which knows how the other workers ended and
 * reports one cause; and if the launcher dies, this process stops as by SIGTERM.
 *
 * @returns the exit code.
 */
export async function asWorker(work: () => Promise<number>): Promise<number> {
  if (!isLaunched()) return work();
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref(); // does not keep this process alive
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined); // a dead launcher reads no more
  try {
    return await work();
  } catch (error) {
    const described = describe(error);
    if (described.code === UNKNOWN) console.error(error);
    await tellLauncher({ kind: 'failed', ...described });
    return 1;
  }
}

/** Does nothing in a process that no launcher started. */
export async function tellLauncher(message: WorkerMessage): Promise<void> {
  if (!isLaunched() || !process.connected) return;
  await new Promise<void>((resolve) => process.send!(message, undefined, undefined, () => resolve()));
}

/** The error that a worker told of. */
export const toldError = ({ code, message, hint }: Extract<WorkerMessage, { kind: 'failed' }>): SslError =>
  new SslError(code as SslError['code'], message, hint === undefined ? {} : { hint });
