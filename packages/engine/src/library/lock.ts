import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 5_000;
/** A lock whose owner has given no sign of life for this long is taken over. */
const STALE_MS = 60_000;
const POLL_MS = 250;

/**
 * Runs `work` while no other process on any machine that sees `folder` does the same. The lock is the folder itself: making a
 * folder either succeeds or fails, and its time stamp is the owner's sign of life.
 */
export async function withLock<T>(folder: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  while (!(await take(folder))) {
    signal?.throwIfAborted();
    if (await isStale(folder)) await rm(folder, { recursive: true, force: true });
    else await sleep(POLL_MS);
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
  await writeFile(ownerFile(folder), `${hostname()} ${process.pid}`);
  return true;
}

async function isStale(folder: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(folder);
    if (Date.now() - mtimeMs > STALE_MS) return true;
    const [host, pid] = (await readFile(ownerFile(folder), 'utf8')).split(' ');
    return host === hostname() && !isAlive(Number(pid));
  } catch {
    return false; // released, or just being taken
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
