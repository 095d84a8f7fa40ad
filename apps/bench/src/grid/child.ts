import { spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { COMMAND } from '../locations.js';

/** How a `contrastive` process ended. */
export interface ChildResult {
  readonly code: number | null;
  /** Standard output. */
  readonly text: string;
  /** Why it was ended from outside. */
  readonly stopped: 'time' | 'memory' | 'signal' | undefined;
  /** Its last `error:` line, or its last line. */
  readonly lastLine: string;
}

export interface ChildLimits {
  readonly milliseconds: number;
  /** Resident memory; not watched where the system has no /proc. */
  readonly memoryBytes: number;
}

/** Milliseconds from the polite signal (a checkpoint is written) to the hard one. */
const GRACE = 60_000;
const WATCH_EVERY = 500;

/**
 * Runs a command of this program in a process of its own: a run that dies, or grows too large, takes nobody with it.
 *
 * @param log file that its messages are added to. @param onLine its messages, for a progress line. @param signal stops it.
 */
export async function runChild(
  args: readonly string[],
  {
    log,
    limits,
    signal,
    onLine,
  }: {
    readonly log: string;
    readonly limits: ChildLimits;
    readonly signal: AbortSignal;
    readonly onLine: (line: string) => void;
  },
): Promise<ChildResult> {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const file = createWriteStream(log, { flags: 'a' });
  let [text, lastLine, lastError] = ['', '', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    file.write(chunk);
    for (const line of chunk.split('\n').filter((l) => l.trim() !== '')) {
      lastLine = line;
      if (line.startsWith('error: ')) lastError = line.slice('error: '.length);
      onLine(line);
    }
  });
  let stopped: ChildResult['stopped'];
  let hard: NodeJS.Timeout | undefined;
  const stop = (why: NonNullable<ChildResult['stopped']>) => {
    if (stopped !== undefined) return;
    stopped = why;
    child.kill('SIGTERM');
    hard = setTimeout(() => child.kill('SIGKILL'), GRACE);
  };
  const onAbort = () => stop('signal');
  const timer = setTimeout(() => stop('time'), Math.min(limits.milliseconds, 2 ** 31 - 1));
  const watch = setInterval(() => {
    if (residentBytes(child.pid) > limits.memoryBytes) stop('memory');
  }, WATCH_EVERY);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { code, text, stopped, lastLine: lastError === '' ? lastLine : lastError };
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
    clearInterval(watch);
    clearTimeout(hard);
    file.end();
    await finished(file);
  }
}

/** Memory that a process holds now, from /proc; 0 where that cannot be known. */
function residentBytes(pid: number | undefined): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return 1024 * Number(kilobytes ?? 0);
  } catch {
    return 0;
  }
}
