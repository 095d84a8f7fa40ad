import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder, writeImages } from './command.js';
import { BOUNDS, measureLeaks } from './leaks.js';

const temporary = temporaryFolder();
afterAll(temporary.remove);

describe('a run', () => {
  it('holds no more tensors, files and resources after many steps than after some', async () => {
    await writeImages(`${temporary.path}/train`, { count: 40 });
    const slopes = await measureLeaks(
      {
        ...{ data: temporary.path, cache: `${temporary.path}/cache`, methods: ['reco'], side: 16, batch: 8 },
        backbone: { name: 'resnet18', width: 0.0625 },
        threads: 1,
      },
      6,
    );
    // Memory needs a longer run to tell growth from noise: `pnpm leaks`.
    expect(slopes.tensors).toBeLessThanOrEqual(BOUNDS.tensors);
    expect(slopes.resources).toBeLessThanOrEqual(BOUNDS.resources);
    expect(slopes.fileDescriptors).toBeLessThanOrEqual(BOUNDS.fileDescriptors);
  });
});
