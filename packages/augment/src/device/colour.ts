import * as tf from '@tensorflow/tfjs-core';

/** Images by planes, [n, 3, h, w], values in [0, 1]. */
export type Planes = tf.Tensor4D;

/** Column `at` of draws [n, k] as [n, 1, 1, 1]. */
const column = (draws: tf.Tensor2D, at: number): tf.Tensor =>
  tf.reshape(tf.slice(draws, [0, at], [-1, 1]), [-1, 1, 1, 1]);

const clamp = (x: tf.Tensor): Planes => tf.clipByValue(x, 0, 1) as Planes;

/**
 * Brightness, contrast, saturation and grayscale in one: v · f + (1 − f) · (m · mean luminance + l · own luminance), clamped.
 *
 * @param draws [n, k], of which the columns from `at` on are f, m, l. @param inside 1 for the pixels of an image, [n, 1, h, w], 0 behind
 * its borders; undefined: all are.
 */
export function blend(v: Planes, draws: tf.Tensor2D, at: number, inside: tf.Tensor | undefined): Planes {
  const [factor, meanShare, ownShare] = [0, 1, 2].map((i) => column(draws, at + i)) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const luminance = tf.sum(tf.mul(v, tf.tensor4d([0.2989, 0.587, 0.114], [1, 3, 1, 1])), 1, true);
  const mean =
    inside === undefined
      ? tf.mean(luminance, [2, 3], true)
      : tf.div(tf.sum(tf.mul(luminance, inside), [2, 3], true), tf.sum(inside, [2, 3], true));
  const rest = tf.sub(1, factor);
  const towards = tf.add(tf.mul(luminance, tf.mul(rest, ownShare)), tf.mul(mean, tf.mul(rest, meanShare)));
  return clamp(tf.add(tf.mul(v, factor), towards));
}

/**
 * HSV hue turned by `draws[:, at]` turns. With v the largest channel, c the span and h the sector of the pixel, the channels are
 * v − c · clamp(min(k, 4 − k)), k = (n + h) mod 6, n = 5, 3, 1.
 */
export function turnHue(image: Planes, draws: tf.Tensor2D, at: number): Planes {
  const [r, g, b] = tf.split(image, 3, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const v = tf.maximum(r, tf.maximum(g, b));
  const c = tf.sub(v, tf.minimum(r, tf.minimum(g, b)));
  const span = tf.add(c, tf.cast(tf.equal(c, 0), 'float32')); // a grey pixel has no sector, and stays
  const sector = tf.where(
    tf.equal(v, r),
    tf.div(tf.sub(g, b), span),
    tf.where(tf.equal(v, g), tf.add(tf.div(tf.sub(b, r), span), 2), tf.add(tf.div(tf.sub(r, g), span), 4)),
  );
  const places = tf.add(sector, tf.tensor4d([5, 3, 1], [1, 3, 1, 1]));
  const turned = tf.add(places, tf.mul(column(draws, at), 6));
  const k = tf.sub(turned, tf.mul(tf.floor(tf.div(turned, 6)), 6));
  return tf.sub(v, tf.mul(c, clamp(tf.minimum(k, tf.sub(4, k))))) as Planes;
}

/** v ≥ threshold → 1 − v, the thresholds being `draws[:, at]`. */
export const solarize = (v: Planes, draws: tf.Tensor2D, at: number): Planes =>
  tf.where(tf.greaterEqual(v, column(draws, at)), tf.sub(1, v), v) as Planes;
