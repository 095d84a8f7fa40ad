import { basename, join, resolve } from 'node:path';
import { JsonlTail } from './jsonl-tail.js';
import { type Json, type RunState, readState } from './run-state.js';
import { Series } from './series.js';

/** What is known of a run, as far as its folder tells. */
export interface Run {
  readonly name: string;
  readonly path: string;
  readonly state: RunState;
  /** What is wrong with the folder, in words. */
  readonly problems: readonly string[];
  readonly config: Json | undefined;
  readonly summary: Json | undefined;
  /** Scalars by metric. */
  readonly metrics: ReadonlyMap<string, Series>;
  /** Arrays of recorded steps (histograms, quantiles, spectra) by name. */
  readonly arrays: ReadonlyMap<string, Series>;
  /** Steps done. */
  readonly step: number;
  /** Epoch of the last step; 0 before the first. */
  readonly epoch: number;
  /** Steps at which epochs end, as far as seen. */
  readonly epochEnds: readonly number[];
}

/** Points kept of a scalar and of an array. */
const SCALAR_POINTS = 512;
const ARRAY_POINTS = 128;
/** Names beyond this are not those of a run's metrics. */
const MOST_NAMES = 256;
const MOST_EPOCH_ENDS = 4096;
/** Numbers of a line that say where it stands. */
export const NOT_METRICS: ReadonlySet<string> = new Set(['step', 'epoch', 'time']);

/**
 * Follows the folder of a run, in progress or ended. It only reads; `refresh` takes in what is new. Memory is bounded whatever the length
 * of the run.
 */
export class RunReader {
  readonly #metricsTail: JsonlTail;
  readonly #recordsTail: JsonlTail;
  readonly #metrics = new Map<string, Series>();
  readonly #arrays = new Map<string, Series>();
  readonly #epochEnds: number[] = [];
  #step = 0;
  #epoch = 0;
  readonly path: string;
  readonly name: string;

  /** @param name how it is called; default the folder's name. */
  constructor(path: string, name?: string) {
    this.path = resolve(path);
    this.name = name ?? basename(this.path);
    this.#metricsTail = new JsonlTail(
      join(path, 'metrics.jsonl'),
      (record) => this.#takeMetrics(record),
      () => this.#forgetMetrics(),
    );
    this.#recordsTail = new JsonlTail(
      join(path, 'records.jsonl'),
      (record) => this.#takeArrays(record),
      () => this.#arrays.clear(),
    );
  }

  /** Reads what is new. */
  refresh(): Run {
    this.#metricsTail.read();
    this.#recordsTail.read();
    const { state, config, summary, problems: unreadable } = readState(this.path, this.#metrics.size > 0);
    const problems = [...unreadable];
    for (const { path, damaged } of [this.#metricsTail, this.#recordsTail]) {
      if (damaged > 0)
        problems.push(`${basename(path)}: ${damaged} ${damaged === 1 ? 'line is' : 'lines are'} damaged.`);
    }
    if (config === undefined) problems.push('There is no readable config.json.');
    if (this.#metrics.size === 0) problems.push('There are no metrics yet.');
    return {
      ...{ name: this.name, path: this.path, state, problems, config, summary },
      ...{ metrics: this.#metrics, arrays: this.#arrays, step: this.#step, epoch: this.#epoch },
      epochEnds: this.#epochEnds,
    };
  }

  #forgetMetrics(): void {
    this.#metrics.clear();
    this.#epochEnds.length = 0;
    this.#step = 0;
    this.#epoch = 0;
  }

  #takeMetrics(record: Json): void {
    const { step, epoch } = record;
    if (typeof step !== 'number') return;
    if (typeof epoch === 'number') {
      if (epoch > this.#epoch && this.#step > 0 && this.#epochEnds.length < MOST_EPOCH_ENDS) {
        this.#epochEnds.push(this.#step);
      }
      this.#epoch = epoch;
    }
    this.#step = step;
    for (const [name, value] of Object.entries(record)) {
      if (typeof value === 'number' && !NOT_METRICS.has(name)) add(this.#metrics, name, SCALAR_POINTS, step, [value]);
    }
  }

  #takeArrays(record: Json): void {
    const { step } = record;
    if (typeof step !== 'number') return;
    for (const [name, value] of Object.entries(record)) {
      if (Array.isArray(value)) add(this.#arrays, name, ARRAY_POINTS, step, value as number[]);
    }
  }
}

/** Reads a run's folder once. */
export const readRun = (path: string, name?: string): Run => new RunReader(path, name).refresh();

function add(into: Map<string, Series>, name: string, capacity: number, step: number, values: readonly number[]): void {
  let series = into.get(name);
  if (series === undefined) {
    if (into.size >= MOST_NAMES) return;
    series = new Series(capacity);
    into.set(name, series);
  }
  series.add(step, values);
}
