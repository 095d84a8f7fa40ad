import type { Case } from './cases.js';
import { script } from './measure.js';
import { Side, type Turn } from './side.js';

export interface Settings {
  readonly rounds: number;
  /** Steps of each side in a round. */
  readonly steps: number;
  readonly threads: number;
  /** Whether torch.compile is tried where a case allows it. */
  readonly compile: boolean;
  /** Undefined: PyTorch's side is skipped. */
  readonly python: string | undefined;
}

/** What the turns of one side gave. */
export interface Times {
  readonly medianMs: number;
  readonly minMs: number;
  /** Least processor time of a step, over all threads. */
  readonly minCpuMs: number;
  readonly startupMs: number;
  readonly peakRssMb: number;
  readonly gflop?: number | undefined;
}

/** By side: its times, or why there are none. */
export type Compared = ReadonlyMap<string, Times | string>;
export const OURS = 'ours';

/** Variants of PyTorch's side that are run for a case. */
export function variantsOf({ kind, compile }: Case, settings: Settings): readonly string[] {
  if (kind === 'views') return ['torchvision', 'lightly'];
  if (kind === 'knn' || kind === 'gemm') return ['eager'];
  return ['eager', 'channels_last', ...(compile === true && settings.compile ? ['compile'] : [])];
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Starts all sides one after the other, then times them in turns. A side that fails does not stop the others. */
export async function compareInTurns(c: Case, settings: Settings): Promise<Compared> {
  const { rounds, steps, python } = settings;
  // What is measured per core runs on one.
  const threads = c.kind === 'views' ? 1 : settings.threads;
  const runs: Run[] = [
    new Run(OURS, process.execPath, [...process.execArgv, script('ours.ts'), JSON.stringify(c)], threads),
  ];
  const file = script(c.kind === 'views' ? 'theirs_views.py' : 'theirs.py');
  for (const variant of python === undefined ? [] : variantsOf(c, settings)) {
    runs.push(new Run(variant, python!, [file, JSON.stringify({ ...c, threads, variant })], threads));
  }
  for (const run of runs) await run.start();
  for (let round = 0; round < rounds; round++) {
    for (const run of runs) await run.turn(c.slow === true || c.kind === 'views' ? 1 : steps);
  }
  for (const run of runs) await run.end();
  return new Map(runs.map((run) => [run.name, run.result()]));
}

/** This project's side of a case alone. @throws Error with its last words. */
export async function measureOurs(c: Case, steps: number, threads: number): Promise<Times> {
  const result = (await compareInTurns(c, { rounds: 1, steps, threads, compile: false, python: undefined })).get(OURS)!;
  if (typeof result === 'string') throw new Error(`${c.name}: ${result}`);
  return result;
}

/** A side and what it has given so far. */
class Run {
  #side: Side | undefined;
  #failure: string | undefined;
  #startupMs = 0;
  #peakRssMb = 0;
  #gflop: number | undefined;
  readonly #turns: Turn[] = [];

  constructor(
    readonly name: string,
    readonly program: string,
    readonly args: readonly string[],
    readonly threads: number,
  ) {}

  start(): Promise<void> {
    return this.#try(async () => {
      this.#side = new Side(this.program, this.args, this.threads);
      const { startupMs, gflop } = await this.#side.ready();
      this.#startupMs = startupMs;
      this.#gflop = gflop;
    });
  }

  turn(steps: number): Promise<void> {
    return this.#try(async () => {
      this.#turns.push(await this.#side!.run(steps));
    });
  }

  end(): Promise<void> {
    return this.#try(async () => {
      this.#peakRssMb = await this.#side!.close();
    });
  }

  async #try(work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await work();
    } catch (error) {
      this.#failure = `${this.name}: ${(error as Error).message}`;
      this.#side?.kill();
    }
  }

  result(): Times | string {
    if (this.#failure !== undefined) return this.#failure;
    const walls = this.#turns.flatMap((turn) => turn.walls);
    return {
      medianMs: median(walls),
      minMs: Math.min(...walls),
      minCpuMs: Math.min(...this.#turns.flatMap((turn) => turn.cpus)),
      ...{ startupMs: this.#startupMs, peakRssMb: this.#peakRssMb, gflop: this.#gflop },
    };
  }
}
