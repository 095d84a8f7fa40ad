import { ALONE, otherImages } from '@contrastive/core';
import { expectClose, seededRows, seededTensor, valuesOf } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { hostBank, hostComparison, negativesOfMixed } from './structure.js';

describe('negativesOfMixed', () => {
  const partner = tf.tensor1d([2, 0, 1, 3], 'int32');

  it('hides both views of both sources where the host hides self and partner view', () => {
    // SimCLR: columns are view1 of images 0 … 3, then view2.
    const mask = tf.tile(otherImages(ALONE, 4), [1, 2]) as tf.Tensor2D;
    const [block] = negativesOfMixed([{ kind: 'shared', rows: seededRows(8, 3, 1), mask }], partner);
    const rows = (block!.mask as tf.Tensor2D).arraySync();
    for (const [i, p] of [2, 0, 1, 3].entries()) {
      const hidden = rows[i]!.flatMap((shown, column) => (shown === 0 ? [column] : []));
      expect(hidden).toEqual([...new Set([i, p, i + 4, p + 4])].sort((a, b) => a - b));
    }
  });

  it('leaves a queue whole', () => {
    const queue = seededRows(6, 3, 1);
    const [block] = negativesOfMixed([{ kind: 'shared', rows: queue }], partner);
    expect(block!.mask).toBeUndefined();
    expectClose(block!.rows, queue, { rel: 0, abs: 0 });
  });

  it('stops the gradient of shared and paired rows', () => {
    const shared = seededRows(4, 3, 2);
    const f = (rows: tf.Tensor) => {
      const [block] = negativesOfMixed([{ kind: 'shared', rows: rows as tf.Tensor2D }], partner);
      return tf.sum(tf.mul(rows, block!.rows));
    };
    expectClose(tf.grad(f)(shared), shared);
    const paired = seededTensor<tf.Rank.R3>([4, 2, 3], 3);
    const g = (rows: tf.Tensor) => {
      const [block] = negativesOfMixed([{ kind: 'paired', rows: rows as tf.Tensor3D }], partner);
      return tf.sum(tf.mul(rows, block!.rows));
    };
    expectClose(tf.grad(g)(paired), paired);
  });
});

describe('hostBank', () => {
  it('is the first shared block, with its mask', () => {
    const rows = seededRows(4, 3, 2);
    expect(valuesOf(hostBank([{ kind: 'shared', rows }]).rows)).toEqual(valuesOf(rows));
    expect(hostBank([{ kind: 'shared', rows, mask: otherImages(ALONE, 4) }]).mask).toBeDefined();
  });

  it('needs a shared block', () => {
    const paired = { kind: 'paired', rows: seededTensor<tf.Rank.R3>([4, 2, 3], 3) } as const;
    expect(() => hostBank([paired])).toThrow(expect.objectContaining({ code: 'INCOMPATIBLE' }));
  });
});

describe('hostComparison', () => {
  it('names the term that has no comparison of the query view', () => {
    expect(() => hostComparison([{ name: 'global', weight: 1, comparisons: [] }], 'global')).toThrow(
      '[reco] the term global has no comparison of view1.',
    );
    expect(() => hostComparison([], 'global')).toThrow(expect.objectContaining({ code: 'INCOMPATIBLE' }));
  });
});
