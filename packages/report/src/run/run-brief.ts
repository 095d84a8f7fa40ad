import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { FoundRun } from './find-runs.js';
import { type Json, type RunState, readState } from './run-state.js';

/** What a list shows of a run, from the ends of its files alone. */
export interface RunBrief {
  readonly name: string;
  readonly state: RunState;
  readonly config: Json | undefined;
  readonly epoch: number | undefined;
  readonly step: number | undefined;
  readonly loss: number | undefined;
}

export function briefOf({ name, path }: FoundRun): RunBrief {
  const last = lastLine(join(path, 'metrics.jsonl'));
  const { config, state } = readState(path, last !== undefined);
  const number = (key: string) => (typeof last?.[key] === 'number' ? last[key] : undefined);
  return { name, state, config, epoch: number('epoch'), step: number('step'), loss: number('loss') };
}

const END = 1 << 14;

/** The last whole line of a file of JSON lines. */
function lastLine(path: string): Json | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(END);
      const got = readSync(file, bytes, 0, END, Math.max(0, fstatSync(file).size - END));
      const lines = bytes.toString('utf8', 0, got).split('\n').slice(0, -1);
      return JSON.parse(lines.at(-1)!) as Json;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined; // missing, unreadable or damaged: the list shows a dash
  }
}
