import * as tf from '@tensorflow/tfjs-core';
import type { Comparison, SharedBlock } from './comparison.js';
import { SslError } from './errors.js';
import type { Branch } from './plugin.js';

/** A comparison whose anchors are the online network's embeddings of view `from`. */
export interface OnlineComparison {
  readonly comparison: Comparison;
  /** Place of the host's comparison that it comes from. */
  readonly index: number;
}

/**
 * The comparisons of a host that start from the online network's own rows, for methods that put other rows in their place or give them
 * further positives.
 *
 * Where there is none (NNCLR asks with a stored row and answers with the prediction) each is read the other way round: prediction of
 * view `to` against the stored row, told apart from the stored rows of other images.
 *
 * @param owner who is speaking, for messages. @param comparisons the host's, unedited.
 * @throws SslError `INCOMPATIBLE` if they cannot be turned round either: only those with one paired positive can.
 */
export function onlineComparisons(
  owner: string,
  comparisons: readonly Comparison[],
  online: Branch,
): readonly OnlineComparison[] {
  const all = comparisons.map((comparison, index) => ({ comparison, index }));
  const own = all.filter(({ comparison: c }) => c.anchors === online.view(c.from).embedding);
  return own.length > 0
    ? own
    : all.map(({ comparison, index }) => ({ comparison: turned(owner, comparison, online), index }));
}

function turned(owner: string, c: Comparison, online: Branch): Comparison {
  if (c.positives.kind !== 'paired' || c.positives.rows.shape[1] !== 1) {
    throw new SslError('INCOMPATIBLE', `[${owner}] the anchors of ${c.from} → ${c.to} are not the online network's.`, {
      hint: 'Name another term: one that compares image-level online rows with one positive each.',
    });
  }
  const rows = c.anchors;
  const others: SharedBlock = { kind: 'shared', rows, mask: tf.sub(1, tf.eye(rows.shape[0])) as tf.Tensor2D };
  return {
    ...c,
    ...{ from: c.to, to: c.from, anchors: online.view(c.to).embedding },
    positives: { kind: 'paired', rows: tf.expandDims(rows, 1) as tf.Tensor3D },
    negatives: c.negatives.length > 0 ? [others] : [],
  };
}
