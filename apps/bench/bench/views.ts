import { recipes } from '@contrastive/augment';
import { arraySource, createLoader } from '@contrastive/augment/loader';
import { openImages } from '@contrastive/data';
import type { Case } from './cases.js';
import { makePixels } from './pictures.js';

/**
 * Two views of every image, by the loader on the calling thread, with the draws. Images of 32 pixels are in memory; the others are JPEG
 * files in `path`, decoded once for both views.
 */
export async function timeViews({ image, rows, path }: Case): Promise<{ run(): Promise<void> }> {
  const side = image!;
  const source =
    side === 32
      ? arraySource({ data: makePixels(rows!, 32, 32), width: 32, height: 32 })
      : await openImages(path!, { cacheFolder: `${path}-cache`, memoryBytes: 1 }); // no room: packed as they are
  const views = recipes.symmetric(side === 32 ? recipes.lightlyCifar() : recipes.mocoV2());
  const loader = await createLoader({ source, views, side, batch: 64, seed: 1, workers: 0 });
  let epoch = 0;
  return {
    run: async () => {
      for await (const batch of loader.epoch(epoch++)) batch.release();
    },
  };
}
