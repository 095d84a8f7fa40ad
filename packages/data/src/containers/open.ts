import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, reason } from '../errors.js';
import type { Container } from './container.js';
import { openFolder } from './folder.js';
import { isTarName, openTars } from './tar.js';

/**
 * A folder of images, a tar archive, several archives, or a folder that holds archives (and no images, not even in its sub-folders).
 *
 * @throws DataError `DATA` if there is nothing of the kind; `IO` if a folder cannot be read.
 */
export async function openContainer(location: string | readonly string[]): Promise<Container> {
  const paths = typeof location === 'string' ? [location] : location;
  if (paths.length === 0)
    throw new DataError('DATA', 'No data was named.', { hint: 'Give a folder or a tar archive.' });
  const kinds = await Promise.all(paths.map(kindOf));
  if (kinds.every((kind) => kind === 'tar')) return openTars(paths);
  if (paths.length > 1)
    throw new DataError(
      'DATA',
      `Of several locations each must be a tar archive, but ${paths[kinds.indexOf('folder')]} is a folder.`,
    );
  const folder = openFolder(paths[0]!);
  if ((await folder.list()).length > 0) return folder;
  const tars = (await readdir(paths[0]!)).filter(isTarName).sort();
  return tars.length > 0 ? openTars(tars.map((name) => join(paths[0]!, name))) : folder;
}

async function kindOf(path: string): Promise<'folder' | 'tar'> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new DataError('DATA', `${path} cannot be opened: ${reason(cause)}.`, { hint: 'Check the path.', cause });
  });
  if (info.isDirectory()) return 'folder';
  if (isTarName(path)) return 'tar';
  throw new DataError('DATA', `${path} is neither a folder nor a .tar, .tar.gz or .tgz archive.`, {
    hint: 'Give the folder that holds the images.',
  });
}
