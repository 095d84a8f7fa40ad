import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Case } from './cases.js';

/** What one start of one side gave. */
export interface Measurement {
  readonly medianMs: number;
  readonly minMs: number;
  /** Least processor time of a step, over all threads. */
  readonly minCpuMs: number;
  readonly startupMs: number;
  readonly peakRssMb: number;
}

export const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The last line that a program prints as JSON, or the reason why there is none. */
export function measure(program: string, args: readonly string[], threads: number): Measurement | string {
  const names = ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS'];
  const limits = Object.fromEntries(names.map((name) => [name, String(threads)]));
  const result = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ...limits } });
  const line = result.stdout.trim().split('\n').at(-1) ?? '';
  if (result.status === 0 && line.startsWith('{')) return JSON.parse(line) as Measurement;
  return result.stderr.trim().split('\n').at(-1) || `exit code ${result.status}`;
}

/** This project's side of a case. */
export const measureOurs = (c: Case, steps: number, threads: number): Measurement | string =>
  measure(process.execPath, [...process.execArgv, script('ours.ts'), JSON.stringify({ ...c, steps })], threads);
