import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SslError } from '@contrastive/core';
import { type Entry, openPromise, type ZipFile } from 'yauzl';

/** SHA-256 of a file, in hexadecimal. */
export async function sha256(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash, { ...(signal && { signal }) });
  return hash.digest('hex');
}

/**
 * Unpacks the members `names` of a zip archive into `folder`, keeping their paths, and makes sure they are on the disk.
 *
 * @param onBytes called with the number of bytes written since the last call.
 * @returns size of everything unpacked. @throws SslError `DATA` if the archive is damaged or lacks a member.
 */
export async function unpackMembers(
  archive: string,
  names: readonly string[],
  folder: string,
  onBytes: (bytes: number, total: number) => void = () => {},
  signal?: AbortSignal,
): Promise<void> {
  const entries = await findEntries(archive, names);
  const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
  const zip = await openZip(archive);
  try {
    for (const entry of entries) {
      const file = path.join(folder, entry.fileName);
      await mkdir(path.dirname(file), { recursive: true });
      await writeEntry(zip, entry, file, (bytes) => onBytes(bytes, total), signal);
      await sync(file);
    }
    await Promise.all([...new Set(entries.map((e) => path.dirname(path.join(folder, e.fileName))))].map(sync));
  } finally {
    zip.close();
  }
}

/** Text of the first member whose name ends with `ending`. */
export async function readMember(archive: string, ending: string): Promise<string> {
  const zip = await openZip(archive);
  try {
    for await (const entry of zip.eachEntry()) {
      if (!entry.fileName.endsWith(ending)) continue;
      const chunks: Buffer[] = [];
      for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    }
  } finally {
    zip.close();
  }
  throw damaged(archive, `it has no member …${ending}`);
}

const damaged = (archive: string, reason: string, cause?: unknown) =>
  new SslError('DATA', `${archive} is not the archive that was expected: ${reason}.`, {
    hint: 'Delete the file and run `contrastive setup` again.',
    ...(cause === undefined ? {} : { cause }),
  });

async function openZip(archive: string): Promise<ZipFile> {
  try {
    return await openPromise(archive, { autoClose: false, lazyEntries: true });
  } catch (cause) {
    throw damaged(archive, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

async function findEntries(archive: string, names: readonly string[]): Promise<Entry[]> {
  const zip = await openZip(archive);
  const entries: Entry[] = [];
  try {
    for await (const entry of zip.eachEntry()) if (names.includes(entry.fileName)) entries.push(entry);
  } finally {
    zip.close();
  }
  const lacking = names.filter((name) => !entries.some((entry) => entry.fileName === name));
  if (lacking.length > 0) throw damaged(archive, `it lacks ${lacking.join(', ')}`);
  return entries;
}

async function writeEntry(
  zip: ZipFile,
  entry: Entry,
  file: string,
  onBytes: (n: number) => void,
  signal?: AbortSignal,
) {
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onBytes(chunk.length);
      done(null, chunk);
    },
  });
  const content = await zip.openReadStreamPromise(entry);
  try {
    await pipeline(content, counting, createWriteStream(file), { ...(signal && { signal }) });
  } catch (cause) {
    if (signal?.aborted) throw new SslError('CANCELLED', 'unpacking was stopped.', { cause });
    throw new SslError('IO', `${entry.fileName} could not be unpacked to ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Waits until a file or folder is on the disk. */
async function sync(place: string): Promise<void> {
  const handle = await open(place, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
