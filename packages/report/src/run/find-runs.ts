import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** A folder that looks like a run's. */
export interface FoundRun {
  /** Path from the folder that was searched; its own name if it is a run itself. */
  readonly name: string;
  readonly path: string;
}

const MARKS = ['config.json', 'metrics.jsonl', 'summary.json'];
const DEEPEST = 3;
const MOST_RUNS = 500;

const isRun = (path: string): boolean => MARKS.some((name) => existsSync(join(path, name)));

/**
 * Runs in a folder and up to three levels below, by name; at most 500. Links are not followed, so nothing outside the folder is found.
 * Nothing inside a run is searched.
 */
export function findRuns(root: string): FoundRun[] {
  const top = resolve(root);
  if (isRun(top)) return [{ name: basename(top), path: top }];
  const found: FoundRun[] = [];
  const search = (folder: string, prefix: string, depth: number) => {
    for (const entry of list(folder)) {
      if (!entry.isDirectory() || entry.name.startsWith('.') || found.length >= MOST_RUNS) continue;
      const path = join(folder, entry.name);
      const name = `${prefix}${entry.name}`;
      if (isRun(path)) found.push({ name, path });
      else if (depth < DEEPEST) search(path, `${name}/`, depth + 1);
    }
  };
  search(top, '', 1);
  return found.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

function list(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // not readable, or gone since
  }
}
