import { existsSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';

export type Json = Readonly<Record<string, unknown>>;

/** `running` has a live process; `interrupted` ended without its summary; `broken` holds nothing that can be shown. */
export type RunState = 'done' | 'stopped' | 'running' | 'interrupted' | 'broken';

/** What the small files of a run's folder say. */
export interface RunFiles {
  readonly state: RunState;
  readonly config: Json | undefined;
  readonly summary: Json | undefined;
  /** Files that cannot be read, in words. */
  readonly problems: readonly string[];
}

/** @param hasMetrics a step has been logged. */
export function readState(path: string, hasMetrics: boolean): RunFiles {
  const problems: string[] = [];
  const config = readJson(join(path, 'config.json'), problems);
  const summary = readJson(join(path, 'summary.json'), problems);
  return { state: stateOf(path, config, summary, hasMetrics), config, summary, problems };
}

function stateOf(path: string, config: Json | undefined, summary: Json | undefined, hasMetrics: boolean): RunState {
  if (isLocked(join(path, 'lock.json'))) return 'running';
  if (config === undefined && !hasMetrics) return 'broken';
  if (summary?.status === 'done' || summary?.status === 'stopped') return summary.status;
  return 'interrupted';
}

const LARGEST = 1 << 20;

function readJson(path: string, problems: string[]): Json | undefined {
  if (!existsSync(path)) return undefined;
  try {
    if (statSync(path).size > LARGEST) throw new Error('it is too large');
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it holds no object');
    return value as Json;
  } catch (error) {
    problems.push(`${basename(path)} cannot be read: ${(error as Error).message}.`);
    return undefined;
  }
}

/** A process of this machine works in the folder, or one of another machine says so. */
function isLocked(path: string): boolean {
  const { pid, host } = readJson(path, []) ?? {};
  if (typeof pid !== 'number' || typeof host !== 'string') return false;
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
