import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isImageName } from '../decode.js';
import type { Container, ImageFile } from './container.js';

/** Folders below each other; deeper ones are not looked at, so that a link to a parent folder ends. */
const MAX_DEPTH = 16;
/** Files asked for their size at a time. */
const STATS_IN_FLIGHT = 64;

/** The image files below a folder, in the order of their paths; hidden files and folders are left out, links are followed. */
export function openFolder(path: string): Container {
  let names: Promise<readonly string[]> | undefined;
  const list = () => {
    names ??= walk(path, '', 0);
    return names;
  };
  return {
    list,
    async fingerprint() {
      const all = await list();
      const hash = createHash('sha256');
      for (let i = 0; i < all.length; i += STATS_IN_FLIGHT) {
        const some = all.slice(i, i + STATS_IN_FLIGHT);
        const stats = await Promise.all(some.map((name) => stat(join(path, name))));
        some.forEach((name, j) => {
          hash.update(`${name}\0${stats[j]!.size}\0${stats[j]!.mtimeMs}\n`);
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

async function walk(root: string, prefix: string, depth: number): Promise<string[]> {
  const entries = await readdir(join(root, prefix), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const out: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const name = prefix + entry.name;
    const kind = entry.isSymbolicLink() ? await stat(join(root, name)).catch(() => undefined) : entry;
    if (kind?.isDirectory() && depth < MAX_DEPTH) {
      for (const inner of await walk(root, `${name}/`, depth + 1)) out.push(inner);
    } else if (kind?.isFile() && isImageName(name)) out.push(name);
  }
  return out;
}
