import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { SslError } from '@contrastive/core';

/** Advice for the errors of the file system that a user can do something about. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space, or choose a folder on another disk.',
  EDQUOT: 'The quota of this disk is used up: free some space, or choose another folder.',
  EACCES: 'Check the permissions, or choose another folder.',
  EPERM: 'Check the permissions, or choose another folder.',
  EROFS: 'The disk is read-only: choose another folder.',
  ENOENT: 'Check the path.',
  ENOTDIR: 'A part of the path is a file, not a folder.',
  EEXIST: 'A file of that name is in the way: choose another folder.',
};

/** A file-system error as an error a user can act on. */
export function ioError(what: string, path: string, error: unknown): SslError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const message = `${what} ${path} failed: ${error instanceof Error ? error.message : String(error)}.`;
  const hint = ADVICE[code];
  return new SslError('IO', message, hint === undefined ? { cause: error } : { hint, cause: error });
}

/**
 * Writes a file so that it is either whole or not there: a temporary file beside it, synced, then renamed over it. A failed write
 * leaves what was there before.
 *
 * @throws SslError `IO`.
 */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const file = openSync(temporary, 'w');
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw ioError('Writing', path, error);
  }
}

/** Makes a rename survive a power cut; not every file system offers it. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    // Windows and some network disks cannot open a folder; the file itself is synced.
  }
}

/** @throws SslError `IO` if the file is missing, `USAGE` if it is not JSON. */
export function readJson(path: string): unknown {
  if (!existsSync(path)) throw new SslError('IO', `${path} does not exist.`, { hint: 'Check the path.' });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw ioError('Reading', path, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SslError('USAGE', `${path} is not valid JSON: ${(error as Error).message}.`, {
      hint: 'Correct the file.',
      cause: error,
    });
  }
}
