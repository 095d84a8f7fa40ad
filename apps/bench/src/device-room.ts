import { SslError } from '@contrastive/core';
import type { ImageSet } from '@contrastive/data';
import type { RunConfig } from './config.js';

/** Size of the tensor that holds every image of a set, pixels. */
export interface DeviceRoom {
  readonly width: number;
  readonly height: number;
}

/**
 * Room for the largest image where the device makes the views; undefined where the CPU does.
 *
 * @throws SslError `DATA` if the images are too many to be held decoded: their sizes are not known then.
 */
export function deviceRoom(
  { augment, data }: Pick<RunConfig, 'augment' | 'data'>,
  images: ImageSet,
): DeviceRoom | undefined {
  if (augment === 'cpu') return undefined;
  if (images.pixels === undefined) {
    throw new SslError('DATA', `The images of ${data} do not fit into memory decoded, which --augment device needs.`, {
      hint: 'Use --augment cpu.',
    });
  }
  const largest = (sizes: Uint16Array) => sizes.reduce((a, b) => Math.max(a, b), 0);
  return { width: largest(images.pixels.widths), height: largest(images.pixels.heights) };
}
