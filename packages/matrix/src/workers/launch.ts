import { type ChildProcess, fork } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Learned } from './train.js';

/** What a worker is told. */
export interface Assignment {
  readonly workers: readonly string[];
  readonly rank: number;
  readonly names: readonly string[];
  readonly steps: number;
  readonly timeoutSeconds: number;
}

/** What it answers. */
export type Message =
  | { readonly rank: number; readonly name: string; readonly learned: Learned }
  | { readonly rank: number; readonly failed: string };

/**
 * Trains cases on `size` processes of this machine.
 *
 * @returns of each case what each rank has learned. @throws Error with what the first failing worker said.
 */
export async function runWorkers(
  size: number,
  { names, steps, timeoutSeconds = 60 }: { names: readonly string[]; steps: number; timeoutSeconds?: number },
): Promise<ReadonlyMap<string, readonly Learned[]>> {
  const ports = await freePorts(size);
  const workers = ports.map((port) => `127.0.0.1:${port}`);
  const children: ChildProcess[] = [];
  const results = new Map(names.map((name) => [name, [] as Learned[]]));
  try {
    await Promise.all(
      workers.map((_, rank) => {
        const child = start({ workers, rank, names, steps, timeoutSeconds });
        children.push(child);
        return new Promise<void>((resolve, reject) => {
          let left = names.length;
          child.once('exit', (code) => reject(new Error(`worker ${rank} ended with code ${code}`)));
          child.on('message', (message: Message) => {
            if ('failed' in message) reject(new Error(`worker ${rank}: ${message.failed}`));
            else {
              results.get(message.name)![rank] = message.learned;
              if (--left === 0) resolve();
            }
          });
        });
      }),
    );
    return results;
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

const start = (assignment: Assignment): ChildProcess =>
  fork(fileURLToPath(new URL('./process.ts', import.meta.url)), [], {
    execArgv: ['--conditions=@contrastive/source', '--import', 'tsx'],
    env: { ...process.env, ASSIGNMENT: JSON.stringify(assignment) },
    serialization: 'advanced', // typed arrays
  });

/** Ports that are free now: all are taken before the first is let go, so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer();
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
