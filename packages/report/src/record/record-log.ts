import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { appendNpy, truncateNpy } from './npy.js';

/** An array of a recorded step. */
export interface RecordedArray {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** One recorded step. */
export interface StepRecord {
  readonly step: number;
  /** From 1. */
  readonly epoch: number;
  /** By name, for example `scores/global/transformed/rows`. */
  readonly arrays: Readonly<Record<string, RecordedArray>>;
}

const FILE = 'records.jsonl';
const SCORE_FILE = /_(\d{3,})\.npy$/;

/**
 * Arrays of the recorded steps of a run, beside the scalars in its `metrics.jsonl`.
 *
 * - Score rows (`scores/<term>/<stage>/rows`, [n, 5]) go to one numpy array an epoch, [records, n, 5]: `scores/score_EEE.npy` holds the
 *   scores that entered the loss, `scores/raw_EEE.npy` the host's own; terms but `global` have their name in front.
 * - All other arrays (histograms, quantiles, spectra) go to `records.jsonl`, one line a step, six digits.
 *
 * Source of the arrays' form: the notebook of arXiv 2108.02982; spec "ft" section 2.6.
 */
export class RecordLog {
  /** @param folder the run's folder. */
  constructor(readonly folder: string) {}

  append({ step, epoch, arrays }: StepRecord): void {
    const line: Record<string, unknown> = { step, epoch };
    for (const [name, { shape, data }] of Object.entries(arrays)) {
      const file = scoreFile(name, epoch);
      if (file === undefined) line[name] = Array.from(data, round);
      else this.#appendRows(file, shape, data);
    }
    appendFileSync(join(this.folder, FILE), `${JSON.stringify(line)}\n`);
  }

  #appendRows(file: string, shape: readonly number[], data: ArrayLike<number>): void {
    const folder = join(this.folder, 'scores');
    mkdirSync(folder, { recursive: true });
    appendNpy(join(folder, file), { shape, data: data instanceof Float32Array ? data : Float32Array.from(data) });
  }

  /** Takes back everything after `step`, so that a resumed run records each step once. */
  rewind(step: number): void {
    const counts = rewindLines(join(this.folder, FILE), step);
    const folder = join(this.folder, 'scores');
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder)) {
      const epoch = SCORE_FILE.exec(name)?.[1];
      if (epoch === undefined) continue;
      const kept = counts.get(Number(epoch)) ?? 0;
      if (kept === 0) rmSync(join(folder, name));
      else truncateNpy(join(folder, name), kept);
    }
  }
}

function scoreFile(name: string, epoch: number): string | undefined {
  const [, term, stage] = /^scores\/(\w+)\/(raw|transformed)\/rows$/.exec(name) ?? [];
  if (term === undefined) return undefined;
  const prefix = term === 'global' ? '' : `${term}_`;
  return `${prefix}${stage === 'raw' ? 'raw' : 'score'}_${String(epoch).padStart(3, '0')}.npy`;
}

/** JSON has no NaN: it becomes null, as `JSON.stringify` does with all that is not finite. */
const round = (value: number): number => Number(value.toPrecision(6));

/** Cuts the file after the last whole line of a step ≤ `step`. @returns records kept, by epoch. */
function rewindLines(path: string, step: number): Map<number, number> {
  const counts = new Map<number, number>();
  if (!existsSync(path)) return counts;
  const bytes = readFileSync(path);
  let keep = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, keep)) {
    const place = placeOf(bytes.toString('utf8', keep, end));
    if (place === undefined || place.step > step) break;
    counts.set(place.epoch, (counts.get(place.epoch) ?? 0) + 1);
    keep = end + 1;
  }
  truncateSync(path, keep);
  return counts;
}

function placeOf(line: string): { readonly step: number; readonly epoch: number } | undefined {
  try {
    return JSON.parse(line) as { step: number; epoch: number };
  } catch {
    return undefined; // a damaged line ends the trustworthy part
  }
}
