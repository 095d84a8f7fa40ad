import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { Comparison, Term } from './comparison.js';
import { cosine } from './scoring.js';
import { mapComparisons, termOf } from './terms.js';

const comparison: Comparison = {
  from: 'view1',
  to: 'view2',
  anchors: tf.tensor2d([[1, 0]]),
  positives: { kind: 'paired', rows: tf.tensor3d([[[0, 1]]]) },
  negatives: [],
  temperature: 1,
  share: 1,
  objective: cosine(0, -1),
};
const terms: readonly Term[] = [
  { name: 'global', weight: 1, comparisons: [comparison] },
  { name: 'dense', weight: 1, comparisons: [comparison] },
];

describe('mapComparisons', () => {
  it('changes the named terms and hands the others on as they are', () => {
    const changed = mapComparisons('me', terms, ['global'], (c) => ({ ...c, share: 2 }));
    expect(changed.map((t) => t.comparisons[0]!.share)).toEqual([2, 1]);
    expect(changed[1]).toBe(terms[1]);
  });

  it('says which terms there are if a name is wrong', () => {
    expect(() => mapComparisons('me', terms, ['local'], (c) => c)).toThrow(
      '[me] there is no loss term called local; there are: global, dense.',
    );
    expect(() => termOf('me', [], 'global')).toThrow('there are: none.');
  });
});
