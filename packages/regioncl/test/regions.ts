import {
  type Branch,
  type Comparison,
  type Encoded,
  type OnDevice,
  type StepIo,
  type Tensors,
  unit,
  type ViewName,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import type { RegionDraws } from '../src/index.js';

/** Rows [n, c] → raw projection and what is compared (after the predictor, if there is one). */
export type Heads = (pooled: tf.Tensor2D) => { readonly projection: tf.Tensor2D; readonly predicted: tf.Tensor2D };

/** A branch whose feature maps are given instead of computed: of its views, and of `encode` in call order. */
export function branchOf(
  maps: Readonly<Record<ViewName, tf.Tensor4D>>,
  composed: readonly tf.Tensor4D[],
  heads: Heads,
): Branch {
  const embed = (pooled: tf.Tensor2D) => {
    const { projection, predicted } = heads(pooled);
    return { projection, embedding: unit(predicted) };
  };
  const encoded = (map: tf.Tensor4D): Encoded => {
    const pooled = tf.mean(map, [1, 2]) as tf.Tensor2D;
    return { map, pooled, ...embed(pooled) };
  };
  const views = new Map<ViewName, Encoded>();
  let passes = 0;
  return {
    view: (name) => {
      const known = views.get(name) ?? encoded(maps[name]!);
      views.set(name, known);
      return known;
    },
    encode: () => encoded(composed[passes++]!),
    project: embed,
  };
}

export type RegionIo = StepIo & { readonly draws: OnDevice<RegionDraws>; readonly features: Tensors };

/** What the hooks read of a step. Pixels do not matter where the maps are given. */
export function ioOf(given: {
  readonly online: Branch;
  readonly target: Branch;
  readonly comparisons: readonly Comparison[];
  readonly draws: Tensors;
  readonly side: number;
}): Omit<RegionIo, 'features'> {
  const { online, target, comparisons, draws, side } = given;
  const n = comparisons[0]!.anchors.shape[0];
  const pixels = tf.zeros([n, side, side, 3]) as tf.Tensor4D;
  return {
    images: { view1: pixels, view2: pixels },
    ids: tf.range(0, n, 1, 'int32'),
    labels: tf.fill([n], -1, 'int32') as tf.Tensor1D,
    ...{ online, target, draws: draws as OnDevice<RegionDraws>, state: {}, phase: 'on' },
    hostTerms: [{ name: 'global', weight: 1, comparisons }],
  };
}
