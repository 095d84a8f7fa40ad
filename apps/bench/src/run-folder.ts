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
import { basename, dirname, join, resolve } from 'node:path';
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

/** Which checkpoint was the best so far: `checkpoints/best.json`. */
export interface BestCheckpoint {
  /** Name of the checkpoint's file. */
  readonly file: string;
  readonly step: number;
  readonly metric: string;
  /** Mean over the epoch that the checkpoint was written after. */
  readonly value: number;
}

/** How good the state of a checkpoint is. */
export interface Score {
  readonly metric: string;
  readonly value: number;
  readonly goal: 'min' | 'max';
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

  /** The folder of a run that another process works in, or none: only to read its checkpoints. */
  static look(path: string): Pick<RunFolder, 'loadCheckpoint' | 'checkpointPaths'> {
    return new RunFolder(path, undefined);
  }

  /** Files that a killed process was writing. */
  #removeDrafts(): void {
    for (const folder of [this.path, join(this.path, 'checkpoints')]) {
      for (const name of readdirSync(folder)) if (name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
    }
  }

  /** Takes a new run back: leaves the place as it was found. */
  discard(): void {
    for (const name of ['config.json', 'data.json', 'lock.json']) rmSync(join(this.path, name), { force: true });
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

  /** What `writeJson` wrote; undefined if it is not there or damaged. */
  readJson(name: string): unknown {
    try {
      return JSON.parse(readFileSync(join(this.path, name), 'utf8'));
    } catch {
      return undefined;
    }
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

  /**
   * Saves a checkpoint, keeps the newest `keep` and the best. The note of which is the best is written after the checkpoint and before
   * another is removed, so that it never names one that is not there.
   *
   * @param score how good it is; missing: it does not compete. @returns its path.
   */
  saveCheckpoint({ tensors, meta }: Snapshot, keep: number, score?: Score): string {
    const path = join(this.path, 'checkpoints', `step-${String(meta.step).padStart(9, '0')}.safetensors`);
    writeFileAtomic(
      path,
      seal((sha256) => encodeSafetensors({ tensors, metadata: { snapshot: JSON.stringify(meta), sha256 } })),
    );
    let best = this.best();
    if (score !== undefined && isBetter(score, best)) {
      best = { file: basename(path), step: meta.step, metric: score.metric, value: score.value };
      this.writeJson(BEST, best);
    }
    for (const old of this.checkpointPaths().slice(keep))
      if (basename(old) !== best?.file) rmSync(old, { force: true });
    return path;
  }

  /** The best checkpoint so far, if there is one. */
  best(): BestCheckpoint | undefined {
    // None yet, or a damaged note: the next checkpoint that competes is the best again.
    const best = this.readJson(BEST) as BestCheckpoint | undefined;
    return best !== undefined && existsSync(join(this.path, 'checkpoints', `${best.file}`)) ? best : undefined;
  }

  /** Forgets a best checkpoint from after the step that the run goes back to. */
  rewindBest(step: number): void {
    if ((this.best()?.step ?? 0) > step) rmSync(join(this.path, BEST), { force: true });
  }

  /** Values of a metric at an epoch's steps, from `metrics.jsonl`, without those that are missing or not finite. */
  valuesOf(epoch: number, metric: string): number[] {
    const path = join(this.path, 'metrics.jsonl');
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    const records = lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const values = records.filter((record) => record.epoch === epoch).map((record) => record[metric]);
    return values.filter((value): value is number => typeof value === 'number');
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
    if (!existsSync(folder)) return [];
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

const BEST = join('checkpoints', 'best.json');

const isBetter = ({ metric, value, goal }: Score, best: BestCheckpoint | undefined): boolean =>
  best?.metric !== metric || (goal === 'min' ? value < best.value : value > best.value);

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
