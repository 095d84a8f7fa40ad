import { createHash } from 'node:crypto';
import {
  accessSync,
  appendFileSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { decodeSafetensors, encodeSafetensors, type Snapshot, type SnapshotMeta, SslError } from '@contrastive/core';
import { ioError, writeFileAtomic } from './files.js';
import { lockFolder, refuseIfLocked } from './lock.js';

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
 * Folder of one run: `config.json`, `metrics.jsonl`, `checkpoints/`, `encoder.safetensors`, `summary.json`. Every file but the metrics is
 * written whole or not at all; one process at a time works in it.
 */
export class RunFolder {
  /** @param madeFrom the topmost folder that had to be made for it, if any. */
  private constructor(
    readonly path: string,
    private readonly madeFrom: string | undefined,
  ) {}

  /** Says early, before anything is written, what `open` would refuse. @throws SslError `RUN_BUSY`, `USAGE`. */
  static check(path: string, { resume }: { readonly resume: boolean }): void {
    refuseIfLocked(path);
    if (!resume && existsSync(join(path, 'config.json'))) {
      throw new SslError('USAGE', `${path} already holds a run.`, {
        hint: 'Give another --out, or go on with that run by --resume.',
      });
    }
  }

  /**
   * Makes the folder, or opens it to resume, and locks it.
   *
   * @throws SslError `RUN_BUSY` if another process works in it; `USAGE` if it holds a run and `resume` is false; `IO` if it cannot be
   *   written, and then nothing is left of it.
   */
  static open(path: string, options: { readonly resume: boolean }): RunFolder {
    RunFolder.check(path, options);
    let folder: RunFolder;
    try {
      folder = new RunFolder(path, mkdirSync(path, { recursive: true }));
    } catch (error) {
      throw ioError('Making the run folder', path, reasonFor(path, error));
    }
    try {
      lockFolder(path);
      mkdirSync(join(path, 'checkpoints'), { recursive: true });
      folder.#removeDrafts();
      return folder;
    } catch (error) {
      if (error instanceof SslError && error.code === 'RUN_BUSY') throw error; // it is another's folder
      if (!options.resume) folder.discard();
      throw error instanceof SslError ? error : ioError('Making the run folder', path, error);
    }
  }

  /** Files that a killed process was writing. */
  #removeDrafts(): void {
    for (const folder of [this.path, join(this.path, 'checkpoints')]) {
      for (const name of readdirSync(folder)) if (name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
    }
  }

  /** Takes a new run back: leaves the place as it was found. */
  discard(): void {
    for (const name of ['config.json', 'lock.json']) rmSync(join(this.path, name), { force: true });
    try {
      rmdirSync(join(this.path, 'checkpoints'));
      if (this.madeFrom === undefined) return;
      const top = resolve(this.madeFrom);
      for (let folder = resolve(this.path); folder.length >= top.length; folder = dirname(folder)) rmdirSync(folder);
    } catch {
      // Not empty: something of worth is there, so it stays.
    }
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
    for (const old of this.checkpointPaths().slice(keep)) rmSync(old, { force: true });
    return path;
  }

  /** Losses of an epoch's steps, from `metrics.jsonl`. */
  lossesOf(epoch: number): number[] {
    const path = join(this.path, 'metrics.jsonl');
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    const records = lines.map((line) => JSON.parse(line) as { readonly epoch: number; readonly loss: number });
    return records.filter((record) => record.epoch === epoch).map(({ loss }) => loss);
  }

  /** The newest checkpoint that is whole, or undefined if there is none. @throws SslError `CHECKPOINT` if all are damaged. */
  loadCheckpoint(): Checkpoint | undefined {
    const damaged: string[] = [];
    for (const path of this.checkpointPaths()) {
      try {
        return { snapshot: readCheckpoint(path), path, damaged };
      } catch (error) {
        const { message } = error as Error;
        damaged.push(message.includes(path) ? message : `${path}: ${message}`);
      }
    }
    if (damaged.length === 0) return undefined;
    throw new SslError('CHECKPOINT', `No checkpoint of this run is whole. ${damaged.join(' ')}`, {
      hint: 'Start again with another --out.',
    });
  }

  /** Newest first. */
  checkpointPaths(): string[] {
    const folder = join(this.path, 'checkpoints');
    const names = readdirSync(folder).filter((name) => CHECKPOINT.test(name));
    return names
      .sort()
      .reverse()
      .map((name) => join(folder, name));
  }

  /** A step has been logged. */
  get hasSteps(): boolean {
    return existsSync(join(this.path, 'metrics.jsonl'));
  }

  /** Lets other processes in. */
  close(): void {
    rmSync(join(this.path, 'lock.json'), { force: true });
  }
}

/** Node's recursive `mkdir` says ENOENT also where the disk is read-only: asks the nearest folder that exists. */
function reasonFor(path: string, error: unknown): unknown {
  let folder = resolve(path);
  while (!existsSync(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
    return error;
  } catch (better) {
    return better;
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
