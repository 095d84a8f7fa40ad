import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { Comparison } from './comparison.js';
import { onlineComparisons } from './orientation.js';
import type { Branch, Encoded } from './plugin.js';
import { softmax } from './scoring.js';

const rows = (...values: number[]) => tf.tensor2d(values, [2, 2]);
const encoded = (embedding: tf.Tensor2D) => ({ embedding }) as Encoded;
const views: Record<string, Encoded> = { view1: encoded(rows(1, 0, 0, 1)), view2: encoded(rows(0, 1, 1, 0)) };
const online = { view: (name: string) => views[name]! } as Branch;
const comparison = (from: string, to: string, anchors: tf.Tensor2D): Comparison => ({
  ...{ from, to, anchors, temperature: 1, share: 1, objective: softmax },
  positives: { kind: 'paired', rows: tf.expandDims(rows(1, 2, 3, 4), 1) as tf.Tensor3D },
  negatives: [{ kind: 'shared', rows: rows(1, 1, 1, 1) }],
});

describe('onlineComparisons', () => {
  it('keeps those that start from online rows', () => {
    const own = comparison('view2', 'view1', views.view2!.embedding);
    const found = onlineComparisons('me', [comparison('view1', 'view2', rows(5, 6, 7, 8)), own], online);
    expect(found).toEqual([{ comparison: own, index: 1 }]);
    expect(found[0]!.comparison).toBe(own);
  });

  it('turns all round where none does', () => {
    const stored = rows(5, 6, 7, 8);
    const [{ comparison: c } = { comparison: undefined }] = onlineComparisons(
      'me',
      [comparison('view1', 'view2', stored)],
      online,
    );
    expect([c!.from, c!.to]).toEqual(['view2', 'view1']);
    expect(c!.anchors).toBe(views.view2!.embedding);
    expect(Array.from(c!.positives.rows.dataSync())).toEqual([5, 6, 7, 8]);
    expect(c!.negatives[0]!.rows).toBe(stored);
    expect(Array.from(c!.negatives[0]!.mask!.dataSync())).toEqual([0, 1, 1, 0]);
  });

  it('refuses to turn what has no single positive', () => {
    const shared: Comparison = {
      ...comparison('view1', 'view2', rows(5, 6, 7, 8)),
      positives: { kind: 'shared', rows: rows(1, 1, 1, 1) },
    };
    expect(() => onlineComparisons('me', [shared], online)).toThrow(
      "[me] the anchors of view1 → view2 are not the online network's.",
    );
  });
});
