import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { type CacheIndex, decodeIndex, sha256, storageFor, type Tables, unpackTables } from './format.js';

/** An opened cache: pixels in shared memory (`rgb`), or the open file of records (`encoded`). */
export interface OpenCache {
  readonly index: CacheIndex;
  readonly tables: Tables;
  readonly memory: SharedArrayBuffer | undefined;
  readonly file: FileHandle | undefined;
}

/** Bytes read (and hashed) at a time. */
const CHUNK = 1 << 24;

/**
 * Opens and checks a cache.
 *
 * @param source what the cache must have been made from. @param memoryBytes the budget for decoded images.
 * @throws DataError `DATA` if it is missing, damaged or stale; the message says which.
 */
export async function openCache(folder: string, source: string, memoryBytes: number): Promise<OpenCache> {
  const text = await readFile(join(folder, 'index.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new DataError('DATA', error.code === 'ENOENT' ? MISSING : `damaged (${error.message})`);
  });
  const index = decodeIndex(text);
  if (index.source !== source) throw new DataError('DATA', 'stale (the data or the options changed)');
  if (index.storage !== storageFor(index.decodedBytes, memoryBytes))
    throw new DataError('DATA', `stored as '${index.storage}', which another memory budget asked for`);
  const packed = await readFile(join(folder, 'tables.bin')).catch(() => Buffer.alloc(0));
  if (sha256(packed) !== index.tablesHash) throw new DataError('DATA', 'damaged (tables.bin)');
  const tables = unpackTables(packed, index.count, index.storage);
  const path = join(folder, 'images.bin');
  const size = await stat(path).then(
    (s) => s.size,
    () => -1,
  );
  if (size !== index.binBytes)
    throw new DataError('DATA', `damaged (images.bin has ${size} bytes, not ${index.binBytes})`);
  if (index.storage === 'encoded') return { index, tables, memory: undefined, file: await open(path) };
  return { index, tables, memory: await readShared(path, index), file: undefined };
}

/** The message of `openCache` for a cache that was never made. */
export const MISSING = 'missing';

async function readShared(path: string, index: CacheIndex): Promise<SharedArrayBuffer> {
  const memory = new SharedArrayBuffer(index.binBytes);
  const bytes = new Uint8Array(memory);
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, index.binBytes)));
  const file = await open(path);
  try {
    for (let at = 0; at < index.binBytes; ) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) throw new DataError('DATA', 'damaged (images.bin ends early)');
      const part = chunk.subarray(0, bytesRead);
      hash.update(part);
      bytes.set(part, at);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  if (hash.digest('hex') !== index.binHash) throw new DataError('DATA', 'damaged (checksum of images.bin)');
  return memory;
}
