// Processes of this machine, from /proc.
import { readdirSync, readFileSync } from 'node:fs';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
};

/** Process ids of the children of a process. */
export const children = (parent: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter(
      (pid) =>
        read(`/proc/${pid}/stat`)
          .replace(/^.*\) /s, '')
          .split(' ')[1] === String(parent),
    )
    .map(Number);

/** Rank that a process was started with, from its `TF_CONFIG`. */
export function rankOf(pid: number): number {
  const variable = read(`/proc/${pid}/environ`)
    .split('\0')
    .find((line) => line.startsWith('TF_CONFIG='));
  return (JSON.parse(variable!.slice('TF_CONFIG='.length)) as { task: { index: number } }).task.index;
}
