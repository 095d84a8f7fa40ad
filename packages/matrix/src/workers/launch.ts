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

export interface WorkersRun {
  readonly names: readonly string[];
  readonly steps: number;
  /** Told what each rank has learned, case by case. */
  readonly onLearned: (name: string, learned: readonly Learned[]) => void;
  /** Default 60. */
  readonly timeoutSeconds?: number;
}

/** Trains cases on `size` processes of this machine. @throws Error with what the first failing worker said. */
export async function runWorkers(size: number, run: WorkersRun): Promise<void> {
  const { names, steps, onLearned, timeoutSeconds = 60 } = run;
  const workers = (await freePorts(size)).map((port) => `127.0.0.1:${port}`);
  const children = workers.map((_, rank) => start({ workers, rank, names, steps, timeoutSeconds }));
  const results = new Map(names.map((name) => [name, new Map<number, Learned>()]));
  const take = (rank: number, name: string, learned: Learned) => {
    const ofCase = results.get(name)!.set(rank, learned);
    if (ofCase.size === size)
      onLearned(
        name,
        Array.from(workers, (_, r) => ofCase.get(r)!),
      );
  };
  const finished = children.map(
    (child, rank) =>
      new Promise<void>((resolve, reject) => {
        let left = names.length;
        child.once('exit', (code) => reject(new Error(`worker ${rank} ended with code ${code}`)));
        child.on('message', (message: Message) => {
          if ('failed' in message) return reject(new Error(`worker ${rank}: ${message.failed}`));
          take(rank, message.name, message.learned);
          if (--left === 0) resolve();
        });
      }),
  );
  try {
    await Promise.all(finished);
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
