import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, SslError } from '@contrastive/core';
import { type ImageSet, openImages } from '@contrastive/data';
import type { ProgressOutput } from './progress.js';

/** The embedded images, 5,000 for training and 1,000 for testing: see `data/README.md` beside the archive. */
export const EMBEDDED = 'cifar10-mini';

export interface DataOptions {
  /** Folder, archive or `cifar10-mini`. */
  readonly data: string;
  /** Default: `train` if there is such a folder, else everything. */
  readonly split?: string | undefined;
  readonly cache?: string | undefined;
  /** Labels from a CSV file instead of folders. */
  readonly labels?: string | undefined;
  readonly maxUnreadable: number;
  /** Input side of the encoder, pixels. */
  readonly side: number;
}

export type DataOutput = Pick<ProgressOutput, 'message' | 'status'>;

/** Opens the images of a run and tells how many could not be used. @throws SslError `DATA`, `IO`, with the data's path. */
export async function openData(options: DataOptions, output: DataOutput): Promise<ImageSet> {
  const { data, split, cache, labels, maxUnreadable, side } = options;
  const location = data === EMBEDDED ? embedded() : data;
  const opening = openImages(location, {
    ...(split === undefined ? {} : { split }),
    ...(cache === undefined ? {} : { cacheFolder: cache }),
    ...(labels === undefined ? {} : { labels: { csv: labels } }),
    // Room for the random crop: a view is cut from an image of at least its own size.
    shorterSide: Math.max(side, Math.round(1.15 * side)),
    maxSkipped: maxUnreadable,
    onMessage: output.message,
    onProgress: (done, total) => output.status(`decoding images  ${done}/${total}`),
  });
  const images = await opening.catch((error: unknown) => {
    throw located(error, data);
  });
  const { skipped, count } = images;
  if (skipped.length > 0) output.message(`${skipped.length} of ${count + skipped.length} images cannot be used.`);
  return images;
}

/** @throws SslError `DATA` in an installed package: the images have no licence to be published under. */
function embedded(): string {
  const archive = fileURLToPath(new URL('../data/cifar10-mini.tar.gz', import.meta.url));
  if (existsSync(archive)) return archive;
  throw new SslError('DATA', `The embedded images ${EMBEDDED} are part of the repository only.`, {
    hint: 'Run this in a clone of it, or give a folder of images.',
  });
}

/** The error with the data's path, in the words of this command's options. */
function located(error: unknown, data: string): unknown {
  if (!(error instanceof Error) || !('hint' in error && 'code' in error)) return error;
  const { code, hint, message } = error as Error & { code: ErrorCode; hint: string | undefined };
  const advice = hint?.replace('maxSkipped', '--max-unreadable').replace('cacheFolder', '--cache');
  const where = message.includes(data) ? message : `${data}: ${message}`;
  return new SslError(code, where, advice === undefined ? { cause: error } : { hint: advice, cause: error });
}
