import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Times of the steps of one turn, milliseconds; CPU is of all threads. */
export interface Turn {
  readonly walls: readonly number[];
  readonly cpus: readonly number[];
}

/** What a side says when its first step is done. */
export interface Ready {
  readonly startupMs: number;
  /** Multiply-adds × 2 of a step, in thousand millions; missing where nobody counted. */
  readonly gflop?: number;
}

/**
 * One side of a comparison as a process that waits for its turn: it gets a number of steps on a line and answers with a line of JSON. So
 * both sides can be timed in turns without starting anew.
 */
export class Side {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(program: string, args: readonly string[], threads: number) {
    const names = ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS'];
    const env = { ...process.env, ...Object.fromEntries(names.map((name) => [name, String(threads)])) };
    this.#child = spawn(program, args, { env });
    this.#child.stderr.on('data', (text: Buffer) => {
      this.#errors = `${this.#errors}${text}`.slice(-2000);
    });
    this.#child.stdin.on('error', () => undefined); // a side that died says so by its answer
    this.#child.on('error', (error) => {
      this.#errors = error.message;
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Waits for the first step. @throws Error with the side's last words. */
  ready(): Promise<Ready> {
    return this.#answer<Ready>();
  }

  /** @throws Error with the side's last words. */
  async run(steps: number): Promise<Turn> {
    this.#child.stdin.write(`${steps}\n`);
    return this.#answer<Turn>();
  }

  /** Ends the process. @returns its peak of resident memory, megabytes. */
  async close(): Promise<number> {
    this.#child.stdin.end();
    return (await this.#answer<{ readonly peakRssMb: number }>()).peakRssMb;
  }

  kill(): void {
    this.#child.kill();
  }

  async #answer<T>(): Promise<T> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(this.#errors.trim().split('\n').at(-1) || 'it ended without a word');
      if (value.startsWith('{')) return JSON.parse(value) as T;
    }
  }
}
