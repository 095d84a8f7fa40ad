import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Picture } from '../html/png.js';
import { rangeOf } from '../run/describe.js';
import type { Run } from '../run/run-reader.js';
import { EventFile } from './event-file.js';
import { type Embedding, writeProjector } from './projector.js';

/** What a run's folder alone does not hold. */
export interface TensorBoardExtras {
  readonly viewPairs?: readonly (readonly [Picture, Picture])[];
  readonly embedding?: Embedding;
}

/**
 * Writes a run as TensorBoard reads it: scalars, histograms of scores, pairs of views as images, and features for the projector. Long
 * runs are thinned as in a report. Times are those of the steps' order only: all events carry the time of the run's last change.
 *
 * @param folder of the log; made if it is missing. @returns path of the event file.
 */
export function exportTensorBoard(
  run: Run,
  folder: string,
  { viewPairs = [], embedding }: TensorBoardExtras = {},
): string {
  const time = timeOf(run);
  const file = new EventFile(folder, time);
  try {
    for (const [tag, series] of run.metrics) {
      for (const { step, values } of series.points) file.scalar(tag, step, values[0]!, time);
    }
    for (const [tag, series] of run.arrays) {
      const range = rangeOf(tag);
      if (range === undefined) continue;
      const [low, high] = range;
      for (const { step, values } of series.points) file.histogram(tag, step, { counts: values, low, high }, time);
    }
    for (const [i, pair] of viewPairs.entries()) file.image(`views/${i + 1}`, run.step, beside(pair), time);
  } finally {
    file.close();
  }
  if (embedding !== undefined) writeProjector(folder, `${run.name} features`, embedding);
  return file.path;
}

function timeOf(run: Run): number {
  try {
    return statSync(join(run.path, 'metrics.jsonl')).mtimeMs / 1000;
  } catch {
    return 0; // no metrics, so there are no events either
  }
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
