import { type Comparison, cosine, type Objective, stopGradient, type Term, unit } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Mean square of the entries of anchor − positive:  Σ_j (a_j − p_j)² / k. One paired positive per anchor. */
export const meanSquare: Objective = {
  name: 'meanSquare',
  usesNegatives: false,
  losses: (_scores, { anchors, positives }) =>
    tf.mean(tf.square(tf.sub(anchors, tf.squeeze(positives.rows, [1]))), 1) as tf.Tensor1D,
};

/** Name of the view number `i`, counted from 0. */
export const viewName = (i: number): string => `view${i + 1}`;

/**
 * One comparison per pair of views i < j, row n of the one with row n of the other: 2 − 2 cos of the rows, or their mean square.
 * The mean over pairs and rows is the loss (spec "wmse" 2.3).
 *
 * @param whitened [d, m, k].
 */
export function pairTerm(
  whitened: tf.Tensor3D,
  { distance, stopGrad }: { readonly distance: 'normalized' | 'euclidean'; readonly stopGrad: 'none' | 'second' },
): Term {
  const views = tf.unstack(whitened, 0) as tf.Tensor2D[];
  const rows = distance === 'normalized' ? views.map(unit) : views;
  const objective = distance === 'normalized' ? cosine(2, -2) : meanSquare;
  const share = 2 / (views.length * (views.length - 1));
  const comparisons = rows.flatMap((anchors, i) =>
    rows.slice(i + 1).map((other, offset): Comparison => {
      const second = stopGrad === 'second' ? stopGradient(other) : other;
      return {
        from: viewName(i),
        to: viewName(i + 1 + offset),
        anchors,
        positives: { kind: 'paired', rows: tf.expandDims(second, 1) as tf.Tensor3D },
        negatives: [],
        temperature: 1,
        share,
        objective,
      };
    }),
  );
  return { name: 'wmse', weight: 1, comparisons };
}
