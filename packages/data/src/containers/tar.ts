import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { isImageName } from '../decode.js';
import { DataError, reason } from '../errors.js';
import type { Container, ImageFile } from './container.js';

/** A regular file of an archive. */
export interface TarEntry {
  /** Path inside the archive, without a leading './'. Never absolute, never with '..'. */
  readonly name: string;
  readonly size: number;
  /** Reads the contents; only before the next entry is asked for. */
  bytes(): Promise<Buffer>;
}

/** Larger files of an archive are refused: no image is that large, and a packed one could be made to fill the memory. */
const MAX_ENTRY_BYTES = 1 << 28;

/** Whether a path is one of a tar archive, packed or not. */
export const isTarName = (path: string): boolean => /\.(tar|tar\.gz|tgz)$/i.test(path);

/**
 * The regular files of a tar archive (`.tar`, `.tar.gz`, `.tgz`), in its order. Nothing is written to the disk; links, devices
 * and entries whose names lead out of the archive are left out.
 *
 * @throws DataError `DATA` if the archive is damaged or truncated.
 */
export async function* readTar(path: string): AsyncGenerator<TarEntry> {
  const unpacked = extract();
  const input = createReadStream(path);
  const onEnd = () => undefined; // errors arrive through the iterator
  if (/\.t?gz$/i.test(path)) pipeline(input, createGunzip(), unpacked, onEnd);
  else pipeline(input, unpacked, onEnd);
  try {
    for await (const entry of unpacked) {
      const { name: raw, type, size = 0 } = entry.header;
      const name = raw.replace(/^(\.\/)+/, '');
      if (type === 'file' && isSafeName(name)) {
        yield { name, size, bytes: () => contents(entry, name, size).catch((cause: unknown) => damaged(path, cause)) };
      }
      entry.resume();
    }
  } catch (cause) {
    damaged(path, cause);
  } finally {
    input.destroy();
  }
}

function damaged(path: string, cause: unknown): never {
  if (cause instanceof DataError) throw cause;
  throw new DataError('DATA', `The archive ${basename(path)} cannot be read: ${reason(cause)}.`, {
    hint: 'Check that the file is complete (its size or checksum).',
    cause,
  });
}

const isSafeName = (name: string): boolean =>
  name !== '' && !name.startsWith('/') && !/^[a-z]:/i.test(name) && !name.split(/[\\/]/).includes('..');

async function contents(entry: AsyncIterable<unknown>, name: string, size: number): Promise<Buffer> {
  if (size > MAX_ENTRY_BYTES)
    throw new DataError(
      'DATA',
      `${name} has ${size} bytes, more than the limit of ${MAX_ENTRY_BYTES} for an image file.`,
    );
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** The image files of one or several tar archives, one archive after the other. */
export function openTars(paths: readonly string[]): Container {
  return {
    async list() {
      const names: string[] = [];
      for (const path of paths) {
        for await (const { name } of readTar(path)) if (isImageName(name)) names.push(name);
      }
      return names;
    },
    async fingerprint() {
      const stats = await Promise.all(paths.map((path) => stat(path)));
      return stats.map(({ size, mtimeMs }, i) => `${basename(paths[i]!)} ${size} ${mtimeMs}`).join(', ');
    },
    async *read(wanted): AsyncGenerator<ImageFile> {
      let index = 0;
      for (const path of paths) {
        for await (const { name, bytes } of readTar(path)) {
          if (!isImageName(name)) continue;
          if (wanted(index)) {
            const content = bytes();
            content.catch(() => undefined); // reported by load()
            yield { index, name, load: () => content };
            await content.catch(() => undefined);
          }
          index++;
        }
      }
    },
  };
}
