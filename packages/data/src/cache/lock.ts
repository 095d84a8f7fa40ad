import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 200;

/**
 * Runs `work` while holding a lock file, so that two processes do not build the same cache. Waits for the other process; a lock
 * whose process (of this machine) has ended is taken over.
 *
 * @param onWait is called once if there is a wait.
 */
export async function withLock<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  for (let waited = false; !(await take(path)); ) {
    if (await isAbandoned(path)) await rm(path, { force: true });
    else {
      if (!waited) onWait();
      waited = true;
      await sleep(POLL_MS);
    }
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile([process.pid, hostname(), await startOf(process.pid)].join(' '));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const [pid, host, start] = (await readFile(path, 'utf8').catch(() => '')).split(' ');
  if (!pid || host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    const now = await startOf(Number(pid));
    return Boolean(start) && now !== undefined && start !== now;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** What tells a process from a later one of the same number: ticks from the machine's start to its own. Linux only. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; // counted from the third field
}
