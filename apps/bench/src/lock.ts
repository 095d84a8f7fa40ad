import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SslError } from '@contrastive/core';
import { ioError } from './files.js';

/** Who works in a run folder: the content of its `lock.json`. */
interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** When the process started, see `startOf`; missing where the system does not say. */
  readonly start?: string | undefined;
}

const lockIn = (folder: string): string => join(folder, 'lock.json');

/** @throws SslError `RUN_BUSY` if another process works in the folder. */
export function refuseIfLocked(folder: string): void {
  const path = lockIn(folder);
  const owner = readLock(path);
  if (owner === undefined || !isAlive(owner)) return;
  throw new SslError('RUN_BUSY', `${folder} is in use by process ${owner.pid} on ${owner.host}.`, {
    hint: `Wait for it, stop it, or give another --out; if that process is no run any more, remove ${path}.`,
  });
}

/** Locks the folder for this process. What a dead process left is taken over. @throws SslError `RUN_BUSY`, `IO`. */
export function lockFolder(folder: string): void {
  const path = lockIn(folder);
  try {
    if (create(path)) return;
    refuseIfLocked(folder);
    takeAway(folder);
    if (create(path)) return;
    refuseIfLocked(folder);
  } catch (error) {
    throw error instanceof SslError ? error : ioError('Locking', path, error);
  }
  throw new SslError('RUN_BUSY', `${folder} is being taken by another process.`, { hint: 'Give another --out.' });
}

/** Removes a dead process's lock; one that another process has put in its place meanwhile goes back. @throws SslError `RUN_BUSY`. */
function takeAway(folder: string): void {
  const path = lockIn(folder);
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const owner = readLock(aside);
  if (owner === undefined || !isAlive(owner)) {
    rmSync(aside, { force: true });
    return;
  }
  renameSync(aside, path);
  refuseIfLocked(folder);
}

/** False if the file exists. Of several processes at the same time, one succeeds. */
function create(path: string): boolean {
  const owner: LockOwner = { pid: process.pid, host: hostname(), start: startOf(process.pid) };
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(file, JSON.stringify(owner));
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return true;
}

function readLock(path: string): LockOwner | undefined {
  try {
    const text = readFileSync(path, 'utf8') || afterAMoment(() => readFileSync(path, 'utf8'));
    const { pid, host, start } = JSON.parse(text) as Partial<LockOwner>;
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host, start } : undefined;
  } catch {
    return undefined; // a lock nobody can read belongs to nobody
  }
}

/** For a file that another process has made and not yet written. */
function afterAMoment<T>(look: () => T): T {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  return look();
}

/** A process of another machine counts as alive: it cannot be asked. */
function isAlive({ pid, host, start }: LockOwner): boolean {
  if (pid === process.pid && host === hostname()) return false; // left by an earlier process of this number
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startOf(pid);
  return start === undefined || now === undefined || start === now;
}

/**
 * What tells a process from a later one of the same number: the machine's start, and the ticks from then to the process's own, which no
 * clock changes. Linux only.
 */
export function startOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third field on
    return `${boot} ${afterName[19]}`;
  } catch {
    return undefined;
  }
}
