import { SslError } from '@contrastive/core';
import { defaultK, type KnnResult, weightedKnn } from '@contrastive/evaluate';
import { openBackend } from '../backend.js';
import type { RunConfig } from '../config.js';
import { disposeEncoder, loadEncoder } from '../encoder-file.js';
import type { DataOutput } from '../image-data.js';
import { FeatureCache } from './feature-cache.js';
import { openSets } from './open-sets.js';
import { encoderSubject, labelledFeatures } from './subject.js';

/**
 * Weighted kNN of the encoder of a run that has ended, K by the bank's size and T = 0.1: the number that `contrastive evaluate --protocols
 * knn` gives for it.
 *
 * @throws SslError `DATA` if the images have no labels.
 */
export async function knnAtEnd(config: RunConfig, run: string, output: DataOutput): Promise<KnnResult> {
  const { runtime } = await openBackend({ ...config, mode: 'compiled', precision: 'f32' });
  const encoder = loadEncoder(run);
  try {
    const { data, cache, side, maxUnreadable } = config;
    const sets = await openSets({ data, cache, side, maxUnreadable }, output);
    try {
      if (sets.test === undefined) {
        throw new SslError('DATA', `${data} has no labels of at least two classes, which kNN needs.`, {
          hint: 'Evaluate it by `contrastive evaluate` with --labels, a CSV file of path,label rows.',
        });
      }
      const features = new FeatureCache(undefined, output.message);
      const subject = encoderSubject({ name: 'trained', encoder, hash: undefined, runtime, cache: features });
      try {
        const bank = await labelledFeatures(subject, sets.train);
        const test = await labelledFeatures(subject, sets.test);
        const [result] = await weightedKnn(bank, test, { k: [defaultK(bank.rows)], temperature: [0.1] });
        for (const note of sets.notes) output.message(note);
        return result!;
      } finally {
        subject.dispose();
      }
    } finally {
      await sets.close();
    }
  } finally {
    disposeEncoder(encoder);
  }
}
