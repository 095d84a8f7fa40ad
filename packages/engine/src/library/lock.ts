import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 5_000;
/** A lock whose owner on another machine gives no sign of life while one waits for this long is taken over. */
const STALE_MS = 60_000;
const POLL_MS = 250;

/**
 * Runs `work` while no other process on any machine that sees `folder` does the same. The lock is the folder itself: making a
 * folder either succeeds or fails, and its time stamp is the owner's sign of life.
 */
export async function withLock<T>(
  folder: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
  staleMs = STALE_MS,
): Promise<T> {
  let sign: Sign | undefined;
  while (!(await take(folder))) {
    signal?.throwIfAborted();
    sign = await look(folder, sign);
    if (sign !== undefined && isStale(sign, staleMs)) {
      await rm(folder, { recursive: true, force: true });
      sign = undefined;
    } else await sleep(POLL_MS);
  }
  const beat = setInterval(() => void utimes(folder, new Date(), new Date()).catch(() => {}), BEAT_MS);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(folder, { recursive: true, force: true });
  }
}

const ownerFile = (folder: string) => path.join(folder, 'owner');

async function take(folder: string): Promise<boolean> {
  await mkdir(path.dirname(folder), { recursive: true });
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  await writeFile(ownerFile(folder), [hostname(), process.pid, await startOf(process.pid)].join(' '));
  return true;
}

/** The owner's last sign of life. Ages are measured by this process's own clock, not by the time stamp: clocks are set. */
interface Sign {
  readonly mtimeMs: number;
  /** Of `performance.now()`, when it was first seen. */
  readonly since: number;
  /** Undefined for a process of another machine, which cannot be asked. */
  readonly isAlive: boolean | undefined;
}

async function look(folder: string, before: Sign | undefined): Promise<Sign | undefined> {
  try {
    const { mtimeMs } = await stat(folder);
    const [host, pid, start] = (await readFile(ownerFile(folder), 'utf8').catch(() => '')).split(' '); // '' if its taker died at once
    const since = before?.mtimeMs === mtimeMs ? before.since : performance.now();
    return { mtimeMs, since, isAlive: host === hostname() ? await isAlive(Number(pid), start) : undefined };
  } catch {
    return undefined; // released, or just being taken
  }
}

const isStale = ({ since, isAlive }: Sign, staleMs: number): boolean =>
  isAlive === undefined ? performance.now() - since > staleMs : !isAlive;

async function isAlive(pid: number, start: string | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = await startOf(pid);
  return !start || now === undefined || start === now;
}

/** What tells a process from a later one of the same number: ticks from the machine's start to its own. Linux only. */
async function startOf(pid: number): Promise<string | undefined> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return status?.slice(status.lastIndexOf(')') + 2).split(' ')[19]; // counted from the third field
}
