import { fileURLToPath } from 'node:url';
import { type ImageSet, openImages } from '@contrastive/data';
import type { ProgressOutput } from './progress.js';

/** The embedded images, 5,000 for training and 1,000 for testing: see `data/README.md` beside the archive. */
export const EMBEDDED = 'cifar10-mini';

export interface DataOptions {
  /** Folder, archive or `cifar10-mini`. */
  readonly data: string;
  readonly split?: string | undefined;
  readonly cache?: string | undefined;
  /** Labels from a CSV file instead of folders. */
  readonly labels?: string | undefined;
  readonly maxUnreadable: number;
  /** Input side of the encoder, pixels. */
  readonly side: number;
}

/** Opens the images of a run and tells of those that could not be used. */
export async function openData(options: DataOptions, output: Pick<ProgressOutput, 'message'>): Promise<ImageSet> {
  const { data, split, cache, labels, maxUnreadable, side } = options;
  const location = data === EMBEDDED ? fileURLToPath(new URL('../data/cifar10-mini.tar.gz', import.meta.url)) : data;
  const images = await openImages(location, {
    ...(split === undefined ? {} : { split }),
    ...(cache === undefined ? {} : { cacheFolder: cache }),
    ...(labels === undefined ? {} : { labels: { csv: labels } }),
    // Room for the random crop: a view is cut from an image of at least its own size.
    shorterSide: Math.max(side, Math.round(1.15 * side)),
    maxSkipped: maxUnreadable,
    onMessage: output.message,
  });
  const SHOWN = 10;
  for (const { name, reason } of images.skipped.slice(0, SHOWN)) output.message(`skipped ${name}: ${reason}`);
  if (images.skipped.length > SHOWN) output.message(`… and ${images.skipped.length - SHOWN} more`);
  if (images.skipped.length > 0)
    output.message(`${images.skipped.length} images could not be used; ${images.count} are.`);
  return images;
}
