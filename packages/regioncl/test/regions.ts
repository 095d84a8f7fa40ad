import {
  ALONE,
  type Branch,
  type Comparison,
  type Encoded,
  inversePermutation,
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

/** A branch whose feature maps are given: of its views, and of `encode` in call order or as a function of the images. */
export function branchOf(
  maps: Readonly<Record<ViewName, tf.Tensor4D>>,
  composed: readonly tf.Tensor4D[] | ((images: tf.Tensor4D) => tf.Tensor4D),
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
    encode: (images) => encoded(typeof composed === 'function' ? composed(images) : composed[passes++]!),
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
  readonly images?: tf.Tensor4D;
}): Omit<RegionIo, 'features'> {
  const { online, target, comparisons, draws, side, images } = given;
  const n = comparisons[0]!.anchors.shape[0];
  const pixels = images ?? (tf.zeros([n, side, side, 3]) as tf.Tensor4D);
  return {
    images: { view1: pixels, view2: pixels },
    ids: tf.range(0, n, 1, 'int32'),
    labels: tf.fill([n], -1, 'int32') as tf.Tensor1D,
    ...{ online, target, draws: draws as OnDevice<RegionDraws>, state: {}, phase: 'on', workers: ALONE },
    hostTerms: [{ name: 'global', weight: 1, comparisons }],
  };
}

/** Heads that do nothing: rows are compared as they are pooled. */
export const bare: Heads = (pooled) => ({ projection: pooled, predicted: pooled });

/** Unit rows at angles in degrees, [n, 2]. */
export const atAngles = (...degrees: readonly number[]): tf.Tensor2D =>
  tf.tensor2d(degrees.map((a) => [Math.cos((a * Math.PI) / 180), Math.sin((a * Math.PI) / 180)]));

/** Maps [n, 2, 2, d] whose cell (0, 0) holds one row and whose other cells another. */
export function mapsOf(inside: tf.Tensor2D, outside: tf.Tensor2D): tf.Tensor4D {
  const [n, d] = inside.shape;
  return tf.reshape(tf.stack([inside, outside, outside, outside], 1), [n, 2, 2, d]);
}

/** The rectangle of one cell at (0, 0) of a 2 × 2 grid, for one view or more, and partners. */
export function cornerDraws(partner: readonly number[], views: readonly ViewName[] = ['view1']): Tensors {
  const corner = () => tf.tensor3d([1, 0, 1, 0], [2, 1, 2]);
  return {
    partner: tf.tensor1d([...partner], 'int32'),
    inverse: tf.tensor1d(inversePermutation(partner), 'int32'),
    ...Object.fromEntries(
      views.flatMap((view) => [
        [`pixels/${view}`, corner()],
        [`cells/${view}`, corner()],
      ]),
    ),
  };
}
