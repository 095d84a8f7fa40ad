import { definePlugin, type Plugin, type Tensors } from '@contrastive/core';
import { eigenvalues, entropyRank } from '@contrastive/evaluate';
import * as tf from '@tensorflow/tfjs-core';

/** Images of the batch that the spectra are taken from: their matrix must stay small enough to be decomposed between two steps. */
const SPECTRUM_ROWS = 128;

/**
 * Records how far the batch's features spread, to see a collapse while it happens; it changes neither the loss nor anybody's random
 * numbers. Of view 1, un-normalised for `pooled` (the encoder's output), unit for `embedding` (what the loss compares):
 *
 * - `<rows>/std`: mean over channels of the deviation of unit rows; healthy near 1/√d, 0 when all images have one feature.
 * - `<rows>/spread`: std·√d, so that 1 is a uniform cloud whatever d is.
 * - `<rows>/uniformity`: ln mean over i ≠ j of exp(−2‖uᵢ − uⱼ‖²); 0 is collapse, about −4 a uniform cloud in many dimensions.
 * - `<rows>/gram`: the smaller of covariance and Gram matrix of at most 128 centred rows, for {@link spectrumOf}.
 * - `purity`: share of the images whose nearest other image of the batch, by cosine of `pooled`, has their class; of images of known
 *   class (label ≥ 0) among each other. NaN where there are none.
 * - `alignment`: mean of 2 − 2·cos over the anchors and their positives of the first comparison, where there is one positive each.
 *
 * Source: spec "evaluation" section 8. Values belong to a batch of augmented views, not to an evaluation.
 */
export function representationRecorder(): Plugin {
  return definePlugin({
    name: 'representation',
    options: {},
    observe: (_scored, { online, hostTerms, labels }) => {
      const { pooled, embedding } = online.view('view1');
      const first = hostTerms[0]?.comparisons[0];
      const paired = first?.positives.kind === 'paired' && first.positives.rows.shape[1] === 1;
      return {
        ...named('pooled', spread(pooled)),
        ...named('embedding', spread(embedding)),
        purity: purityOf(unit(pooled), labels),
        ...(paired && { alignment: distance(first.anchors, tf.squeeze(first.positives.rows, [1])) }),
      };
    },
  });
}

const named = (prefix: string, tensors: Tensors): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [`${prefix}/${name}`, t]));

const unit = (rows: tf.Tensor2D): tf.Tensor2D => {
  const length = tf.sqrt(tf.sum(tf.square(rows), 1, true));
  return tf.div(rows, tf.maximum(length, 1e-12));
};

/** Mean of ‖u − v‖² = 2 − 2·cos. */
const distance = (a: tf.Tensor2D, b: tf.Tensor): tf.Scalar =>
  tf.mean(tf.sub(2, tf.mul(2, tf.sum(tf.mul(unit(a), unit(b as tf.Tensor2D)), 1)))) as tf.Scalar;

/** Added to the cosine of a pair that does not count. */
const FAR = -4;

function purityOf(rows: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  const [n] = rows.shape;
  const isKnown = tf.cast(tf.greaterEqual(labels, tf.scalar(0, 'int32')), 'float32');
  const excluded = tf.add(tf.eye(n), tf.sub(1, isKnown));
  const nearest = tf.argMax(tf.add(tf.matMul(rows, rows, false, true), tf.mul(FAR, excluded)), 1) as tf.Tensor1D;
  const isSame = tf.cast(tf.equal(tf.gather(labels, nearest), labels), 'float32');
  return tf.div(tf.sum(tf.mul(isSame, isKnown)), tf.sum(isKnown)) as tf.Scalar;
}

function spread(rows: tf.Tensor2D): Tensors {
  const [n, d] = rows.shape;
  const u = unit(rows);
  // ‖u − v‖² = 2 − 2·cos; the n pairs of a row with itself add exp(0) each.
  const potential = tf.sum(tf.exp(tf.sub(tf.mul(4, tf.matMul(u, u, false, true)), 4)));
  const uniformity = tf.log(tf.maximum(tf.div(tf.sub(potential, n), n * (n - 1)), 1e-30));
  const std = tf.mean(tf.sqrt(tf.moments(u, 0).variance));
  return { std, spread: tf.mul(std, Math.sqrt(d)), uniformity, gram: gramOf(rows) };
}

function gramOf(rows: tf.Tensor2D): tf.Tensor2D {
  const [n, d] = rows.shape;
  const taken = Math.min(n, SPECTRUM_ROWS);
  const part = taken === n ? rows : tf.slice(rows, [0, 0], [taken, d]);
  const centred = tf.sub(part, tf.mean(part, 0));
  const product = taken < d ? tf.matMul(centred, centred, false, true) : tf.matMul(centred, centred, true, false);
  return tf.div(product, Math.max(1, taken - 1));
}

interface Square {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/**
 * Eigenvalues of a recorded `gram`, largest first, and their entropy rank: the number of directions in use, at most
 * min(d, rows − 1). Source: spec "evaluation" section 8, "effective rank".
 */
export function spectrumOf({ shape, data }: Square): { readonly effectiveRank: number; readonly spectrum: Square } {
  const size = shape[0]!;
  const spectrum = eigenvalues(Float64Array.from(data), size);
  return { effectiveRank: entropyRank(spectrum, 0), spectrum: { shape: [size], data: spectrum } };
}
