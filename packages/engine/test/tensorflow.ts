import { beforeAll, describe } from 'vitest';
import { findLibrary } from '../src/library/locate.js';
import { currentTensorFlow, type LoadedTensorFlow, loadTensorFlow } from '../src/load.js';

const isThere = findLibrary() !== undefined;
if (!isThere) console.warn('SKIPPED: these tests need the TensorFlow library; `contrastive setup` gets it.');

/** Tests that run on TensorFlow, which is loaded before the first; skipped, and said so, where there is no library. */
export function describeTensorFlow(name: string, body: () => void): void {
  describe.skipIf(!isThere)(name, () => {
    beforeAll(async () => {
      await loadTensorFlow();
    });
    body();
  });
}

/** The TensorFlow of the running test. */
export const tensorflow = (): LoadedTensorFlow => currentTensorFlow()!;
