import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { isImageName } from '../decode.js';
import { DataError, reason } from '../errors.js';
import type { Container, ImageFile } from './container.js';

/** Files asked for their size at a time. */
const STATS_IN_FLIGHT = 64;

/**
 * The image files below a folder, in the order of their paths. Hidden files and folders are left out; links are followed, but not
 * to a folder that holds them. A link that leads nowhere is an image that cannot be read.
 *
 * @throws DataError `IO` on listing, if a folder cannot be read.
 */
export function openFolder(path: string): Container {
  let names: Promise<readonly string[]> | undefined;
  const list = () => {
    names ??= realpath(path).then((root) => walk(path, '', [root]));
    return names;
  };
  return {
    list,
    async fingerprint() {
      const all = await list();
      const hash = createHash('sha256');
      for (let i = 0; i < all.length; i += STATS_IN_FLIGHT) {
        const some = all.slice(i, i + STATS_IN_FLIGHT);
        const stats = await Promise.all(some.map((name) => stat(join(path, name)).catch(() => undefined)));
        some.forEach((name, j) => {
          hash.update(`${name}\0${stats[j]?.size}\0${stats[j]?.mtimeMs}\n`);
        });
      }
      return hash.digest('hex');
    },
    async *read(wanted): AsyncGenerator<ImageFile> {
      for (const [index, name] of (await list()).entries()) {
        if (wanted(index)) yield { index, name, load: () => readFile(join(path, name)) };
      }
    },
  };
}

/** @param above real paths of the folder and of all that hold it. */
async function walk(root: string, prefix: string, above: readonly string[]): Promise<string[]> {
  const entries = await readdir(join(root, prefix), { withFileTypes: true }).catch((cause: unknown) => {
    throw new DataError('IO', `The folder ${join(root, prefix)} cannot be read: ${reason(cause)}.`, {
      hint: 'Check its permissions.',
      cause,
    });
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const out: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const name = prefix + entry.name;
    const target = entry.isSymbolicLink() ? await stat(join(root, name)).catch(() => undefined) : entry;
    if (target?.isDirectory()) {
      const real = await realpath(join(root, name));
      if (above.some((folder) => folder === real || folder.startsWith(join(real, sep)))) continue;
      for (const inner of await walk(root, `${name}/`, [...above, real])) out.push(inner);
    } else if (isImageName(name) && (target === undefined || target.isFile())) out.push(name);
  }
  return out;
}
