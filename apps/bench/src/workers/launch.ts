import { spawn } from 'node:child_process';
import { availableParallelism, constants } from 'node:os';
import { type Ended, rootCause } from './ended.js';
import { LAUNCHER, type WorkerMessage } from './launched.js';
import { freePorts } from './ports.js';
import { WorkerLog } from './worker-log.js';

export interface LaunchOptions {
  /** Training processes, at least 2. */
  readonly count: number;
  /** Arguments of this command; the workers get the same. */
  readonly args: readonly string[];
  /** Run folder. */
  readonly out: string;
  /** Seconds after which a worker that does not answer counts as lost. */
  readonly timeoutSeconds: number;
}

/** Longest time that a worker has to end by itself after another has failed, seconds. */
const GRACE = 30;

/**
 * Trains in several processes on this machine, which find each other by `TF_CONFIG` as on a cluster. Rank 0 has this process's output;
 * what the others say goes to `worker-R.log` in the run folder. SIGINT and SIGTERM are handed on; no worker outlives this process.
 *
 * @returns the exit code: that of rank 0, or of the signal. @throws SslError of the worker that failed first.
 */
export async function launchWorkers(options: LaunchOptions): Promise<number> {
  const ports = await freePorts(options.count);
  const launch = new Launch(
    ports.map((port) => `127.0.0.1:${port}`),
    options,
  );
  const onSignal = (signal: NodeJS.Signals) => launch.signal(signal);
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    return await launch.end();
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** Each worker computes with its share of the cores, unless the environment says otherwise. */
function environment(addresses: readonly string[], index: number): NodeJS.ProcessEnv {
  const threads = String(Math.max(1, Math.floor(availableParallelism() / addresses.length)));
  return {
    TF_NUM_INTRAOP_THREADS: threads,
    TF_NUM_INTEROP_THREADS: threads,
    ...process.env,
    TF_CONFIG: JSON.stringify({ cluster: { worker: addresses }, task: { type: 'worker', index } }),
    [LAUNCHER]: String(process.pid),
  };
}

class Launch {
  readonly #workers: readonly Worker[];
  readonly #graceMs: number;
  #received: NodeJS.Signals | undefined;
  #trained = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    addresses: readonly string[],
    readonly options: LaunchOptions,
  ) {
    this.#graceMs = 1000 * Math.min(GRACE, options.timeoutSeconds);
    this.#workers = addresses.map((_, rank) => new Worker(rank, environment(addresses, rank), options));
    for (const worker of this.#workers) {
      worker.child.on('message', ({ kind }: WorkerMessage) => {
        if (kind !== 'trained') return;
        this.#trained = true;
        this.#wait(); // another worker that ended first had reason to
      });
      worker.ended.then(
        (ended) => this.#onEnd(ended),
        () => this.#killAll(), // it could not be started: `end` says so
      );
    }
  }

  /** Hands a signal on. */
  signal(signal: NodeJS.Signals): void {
    this.#received ??= signal;
    for (const { child } of this.#workers) child.kill(signal);
  }

  #onEnd({ rank, code }: Ended): void {
    // After the last step rank 0 alone has work left; before it, nobody goes on without the others.
    const isOver = rank === 0 || (code !== 0 && !this.#trained);
    if (isOver) this.#timer ??= setTimeout(() => this.#killAll(), this.#graceMs);
  }

  /** Rank 0 writes its last files, for as long as it takes. */
  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #killAll(): void {
    for (const worker of this.#workers) worker.kill();
  }

  async end(): Promise<number> {
    const ends = await Promise.all(this.#workers.map((worker) => worker.ended));
    clearTimeout(this.#timer);
    const [{ code }] = ends as [Ended];
    const stopped = this.#received === undefined ? undefined : 128 + constants.signals[this.#received];
    if (code === 0 || (code !== null && code > 128)) return code;
    const cause = rootCause(ends, this.options);
    if (stopped !== undefined && cause.code === 'WORKER_LOST') return stopped; // stopped before it had begun
    throw cause;
  }
}

/** One training process. */
class Worker {
  readonly child;
  readonly ended: Promise<Ended>;
  readonly log: WorkerLog | undefined;
  #killed = false;

  constructor(
    readonly rank: number,
    env: NodeJS.ProcessEnv,
    { args, out }: LaunchOptions,
  ) {
    const output = rank === 0 ? (['ignore', 'inherit', 'inherit'] as const) : (['ignore', 'ignore', 'pipe'] as const);
    // A group of its own: Ctrl-C in a terminal comes once, from the launcher.
    this.child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
      ...{ env, detached: true, stdio: [...output, 'ipc'] },
    });
    this.log = rank === 0 ? undefined : new WorkerLog(out, rank);
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.log!.add(text));
    this.ended = this.#whenEnded();
  }

  kill(): void {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.#killed = true;
    this.child.kill('SIGKILL');
  }

  #whenEnded(): Promise<Ended> {
    const { rank, child, log } = this;
    let told: Ended['told'];
    child.on('message', (message: WorkerMessage) => {
      if (message.kind === 'failed') told = message;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        resolve({ rank, pid: child.pid!, code, signal, told, killed: this.#killed, lastLine: log?.lastLine ?? '' });
      });
    });
  }
}
