import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors, type Snapshot, type SnapshotMeta, SslError } from '@contrastive/core';
import { ioError, readJson, writeFileAtomic } from './files.js';

/** What a resumed run needs besides the trainer's snapshot. */
export interface Checkpoint {
  readonly snapshot: Snapshot;
  /** Path it was read from. */
  readonly path: string;
  /** Damaged newer checkpoints that were passed over, with what is wrong with each. */
  readonly damaged: readonly string[];
}

const CHECKPOINT = /^step-(\d{9})\.safetensors$/;

/**
 * Folder of one run: `config.json`, `metrics.jsonl`, `checkpoints/`, `encoder.safetensors` + `encoder.json`, `summary.json`. Every file but
 * the metrics is written whole or not at all; one process at a time works in it.
 */
export class RunFolder {
  private constructor(readonly path: string) {}

  /**
   * Makes the folder, or opens it to resume, and locks it.
   *
   * @throws SslError `RUN_BUSY` if another process works in it; `IO` if it holds a run and `resume` is false, or cannot be written.
   */
  static open(path: string, { resume }: { readonly resume: boolean }): RunFolder {
    try {
      mkdirSync(join(path, 'checkpoints'), { recursive: true });
    } catch (error) {
      throw ioError('Making the run folder', path, error);
    }
    const folder = new RunFolder(path);
    folder.#lock();
    if (!resume && existsSync(join(path, 'config.json'))) {
      folder.close();
      throw new SslError('IO', `${path} already holds a run.`, {
        hint: 'Give another --out, or go on with that run by --resume.',
      });
    }
    return folder;
  }

  get configPath(): string {
    return join(this.path, 'config.json');
  }

  get summaryPath(): string {
    return join(this.path, 'summary.json');
  }

  writeJson(name: string, value: unknown): void {
    writeFileAtomic(join(this.path, name), `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Adds a line to `metrics.jsonl`. */
  log(record: Readonly<Record<string, unknown>>): void {
    const path = join(this.path, 'metrics.jsonl');
    try {
      appendFileSync(path, `${JSON.stringify(record)}\n`);
    } catch (error) {
      throw ioError('Writing', path, error);
    }
  }

  /** Cuts `metrics.jsonl` back to the steps that a checkpoint knows, so that a resumed run logs each step once. */
  rewindLog(step: number): void {
    const path = join(this.path, 'metrics.jsonl');
    if (!existsSync(path)) return;
    const bytes = readFileSync(path);
    let keep = 0;
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(10, start);
      if (end === -1) break; // half a line: the process died while writing it
      if (stepOf(bytes.toString('utf8', start, end)) > step) break;
      start = keep = end + 1;
    }
    try {
      truncateSync(path, keep);
    } catch (error) {
      throw ioError('Writing', path, error);
    }
  }

  /** Saves a checkpoint and keeps the newest `keep`. @returns its path. */
  saveCheckpoint({ tensors, meta }: Snapshot, keep: number): string {
    const path = join(this.path, 'checkpoints', `step-${String(meta.step).padStart(9, '0')}.safetensors`);
    writeFileAtomic(
      path,
      seal((sha256) => encodeSafetensors({ tensors, metadata: { snapshot: JSON.stringify(meta), sha256 } })),
    );
    for (const old of this.#checkpoints().slice(keep)) rmSync(join(this.path, 'checkpoints', old), { force: true });
    return path;
  }

  /** The newest checkpoint that is whole, or undefined if there is none. */
  loadCheckpoint(): Checkpoint | undefined {
    const damaged: string[] = [];
    for (const name of this.#checkpoints()) {
      const path = join(this.path, 'checkpoints', name);
      try {
        return { snapshot: readCheckpoint(path), path, damaged };
      } catch (error) {
        damaged.push(`${path}: ${(error as Error).message}`);
      }
    }
    return undefined;
  }

  /** File names, newest first. */
  #checkpoints(): string[] {
    return readdirSync(join(this.path, 'checkpoints'))
      .filter((name) => CHECKPOINT.test(name))
      .sort()
      .reverse();
  }

  #lock(): void {
    const path = join(this.path, 'lock.json');
    if (existsSync(path)) {
      const owner = readLock(path);
      if (owner !== undefined && isAlive(owner)) {
        throw new SslError('RUN_BUSY', `${this.path} is in use by process ${owner.pid} on ${owner.host}.`, {
          hint: 'Wait for it, stop it, or give another --out.',
        });
      }
    }
    writeFileAtomic(path, JSON.stringify({ pid: process.pid, host: hostname() }));
  }

  /** Lets other processes in. */
  close(): void {
    rmSync(join(this.path, 'lock.json'), { force: true });
  }
}

interface LockOwner {
  readonly pid: number;
  readonly host: string;
}

function readLock(path: string): LockOwner | undefined {
  try {
    const { pid, host } = readJson(path) as Partial<LockOwner>;
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined;
  } catch {
    return undefined; // a lock nobody can read belongs to nobody
  }
}

/** A process of another machine counts as alive: it cannot be asked. */
function isAlive({ pid, host }: LockOwner): boolean {
  if (pid === process.pid) return false;
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const stepOf = (line: string): number => {
  try {
    const { step } = JSON.parse(line) as { step?: number };
    return step ?? 0;
  } catch {
    return Number.POSITIVE_INFINITY; // a damaged line ends the trustworthy part
  }
};

/** @throws SslError `CHECKPOINT` if the file is damaged. */
export function readCheckpoint(path: string): Snapshot {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw ioError('Reading', path, error);
  }
  const { tensors, metadata } = decodeSafetensors(bytes);
  const sealed = metadata.sha256 ?? '';
  if (digestOf(bytes, sealed) !== sealed) {
    throw new SslError('CHECKPOINT', `${path} is damaged: its checksum does not fit.`);
  }
  return { tensors, meta: JSON.parse(metadata.snapshot ?? 'null') as SnapshotMeta };
}

const NO_DIGEST = '0'.repeat(64);

/** A file that carries its own checksum in its metadata: taken over the file with zeros in that place. */
function seal(encode: (sha256: string) => Uint8Array): Uint8Array {
  return encode(createHash('sha256').update(encode(NO_DIGEST)).digest('hex'));
}

function digestOf(bytes: Buffer, sealed: string): string {
  const at = sealed.length === NO_DIGEST.length ? bytes.indexOf(sealed, 0, 'latin1') : -1;
  if (at === -1) return '';
  const hash = createHash('sha256').update(bytes.subarray(0, at)).update(NO_DIGEST);
  return hash.update(bytes.subarray(at + sealed.length)).digest('hex');
}
