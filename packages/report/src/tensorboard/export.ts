import { join } from 'node:path';
import type { Picture } from '../html/png.js';
import { rangeOf } from '../run/describe.js';
import { JsonlTail } from '../run/jsonl-tail.js';
import { NOT_METRICS, type Run } from '../run/run-reader.js';
import type { Json } from '../run/run-state.js';
import { EventFile } from './event-file.js';
import { type Embedding, writeProjector } from './projector.js';

/** What a run's folder alone does not hold. */
export interface TensorBoardExtras {
  readonly viewPairs?: readonly (readonly [Picture, Picture])[];
  readonly embedding?: Embedding;
}

/**
 * Writes a run as TensorBoard reads it: scalars, histograms of scores, pairs of views as images, and features for the projector. Every
 * step of the run's files is written, with the time at which it ended. Event files of an earlier export of the run are replaced.
 *
 * @param folder of the log; made if it is missing. @returns path of the event file.
 */
export function exportTensorBoard(
  run: Run,
  folder: string,
  { viewPairs = [], embedding }: TensorBoardExtras = {},
): string {
  const times = timesOf(run);
  const file = new EventFile(folder, times.values().next().value ?? 0);
  const last = [...times.values()].at(-1) ?? 0;
  try {
    eachLine(run, 'metrics.jsonl', (step, line) => {
      for (const [tag, value] of Object.entries(line)) {
        if (typeof value === 'number' && !NOT_METRICS.has(tag)) file.scalar(tag, step, value, times.get(step) ?? last);
      }
    });
    eachLine(run, 'records.jsonl', (step, line) => {
      for (const [tag, counts] of Object.entries(line)) {
        const range = rangeOf(tag);
        if (range === undefined || !Array.isArray(counts)) continue;
        file.histogram(tag, step, { counts, low: range[0], high: range[1] }, times.get(step) ?? last);
      }
    });
    for (const [i, pair] of viewPairs.entries()) file.image(`views/${i + 1}`, run.step, beside(pair), last);
  } finally {
    file.close();
  }
  if (embedding !== undefined) writeProjector(folder, `${run.name} features`, embedding);
  return file.path;
}

function eachLine(run: Run, name: string, take: (step: number, line: Json) => void): void {
  // Lines are kept apart from their reading, which forgives what a damaged disk gives: what writing throws must be seen.
  const lines: Json[] = [];
  const tail = new JsonlTail(
    join(run.path, name),
    (line) => lines.push(line),
    () => {},
  );
  tail.read();
  for (const line of lines) if (typeof line.step === 'number') take(line.step, line);
}

/** When each step ended, in seconds since 1970. */
function timesOf(run: Run): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  eachLine(run, 'metrics.jsonl', (step, { time }) => {
    const ms = typeof time === 'string' ? Date.parse(time) : Number.NaN;
    if (!Number.isNaN(ms)) times.set(step, ms / 1000);
  });
  return times;
}

function beside([a, b]: readonly [Picture, Picture]): Picture {
  const width = a.width + b.width;
  const data = new Uint8Array(width * a.height * 3);
  for (let y = 0; y < a.height; y++) {
    data.set(a.data.subarray(y * a.width * 3, (y + 1) * a.width * 3), y * width * 3);
    data.set(b.data.subarray(y * b.width * 3, (y + 1) * b.width * 3), (y * width + a.width) * 3);
  }
  return { width, height: a.height, data };
}
