import {
  type HostTensor,
  hostInts,
  hostTensor,
  ONE_WORKER,
  type Rng,
  stopGradient,
  unit,
  type Workers,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Rows [top, bottom) × columns [left, right) of an image, in pixels. */
export interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/**
 * The box that CutMix pastes. Sides are trunc(√(1 − λ₀) · side); each loses a pixel where it is odd, and the box is clipped at the
 * border, so its true area differs from 1 − λ₀ (see {@link keptArea}). Sides below 2 give an empty box.
 *
 * @param lambda λ₀ in [0, 1], the share of the image that should be kept.
 * @param centerY, centerX centre in pixels, 0 … side − 1.
 * @example cutBox({ height: 4, width: 4, lambda: 0.75, centerY: 1, centerX: 2 }) // rows [0, 2), columns [1, 3)
 * Source: official code; spec "reco" section 2.2.
 */
export function cutBox(input: {
  readonly height: number;
  readonly width: number;
  readonly lambda: number;
  readonly centerY: number;
  readonly centerX: number;
}): Box {
  const { height, width, lambda, centerY, centerX } = input;
  const ratio = Math.sqrt(1 - lambda);
  const [top, bottom] = span(height, Math.trunc(height * ratio), centerY);
  const [left, right] = span(width, Math.trunc(width * ratio), centerX);
  return { top, bottom, left, right };
}

function span(side: number, cut: number, center: number): readonly [number, number] {
  const half = Math.floor(cut / 2);
  const clip = (v: number) => Math.min(Math.max(v, 0), side);
  return [clip(center - half), clip(center + half)];
}

/** λ: share of the pixels outside the box, the mixing ratio used everywhere. */
export const keptArea = (box: Box, height: number, width: number): number =>
  1 - ((box.bottom - box.top) * (box.right - box.left)) / (height * width);

/**
 * How a batch is mixed. b is 1 (one choice for the whole batch) or n (one per image). The share of pixel (y, x) that comes from the
 * partner is rows[y] · columns[x]: 0 or 1 inside a box, 1 − λ everywhere for mixup.
 */
export type Interpolation = {
  /** Image i is mixed with image partner[i], int32 [n]. Fixed points are allowed. */
  readonly partner: HostTensor<tf.Rank.R1>;
  /** True kept share, [b, 1]. */
  readonly lambda: HostTensor<tf.Rank.R2>;
  /** [b, S]. */
  readonly rows: HostTensor<tf.Rank.R2>;
  /** [b, S]. */
  readonly columns: HostTensor<tf.Rank.R2>;
};

/** What {@link drawInterpolation} draws from. */
export interface InterpolationOptions {
  readonly mix: 'cutmix' | 'mixup' | 'random';
  readonly granularity: 'batch' | 'sample';
  /** a of Beta(a, a). */
  readonly alpha: number;
  /** Boxes with a smaller share of the image are drawn again. */
  readonly boxMinArea: number;
  /** Whose images are drawn for: of several workers each has its own partners, and its part of the ratios and boxes. Default one. */
  readonly workers?: Workers | undefined;
}

/** Draws partners, ratios and boxes for n images of `side` × `side` pixels; all workers draw the same and take their own. */
export function drawInterpolation(
  rng: Rng,
  n: number,
  side: number,
  { mix, granularity, alpha, boxMinArea, workers = ONE_WORKER }: InterpolationOptions,
): Interpolation {
  const { size, rank } = workers;
  const partners = Array.from({ length: size }, () => rng.permutation(n));
  const isMixup = mix === 'mixup' || (mix === 'random' && rng.uniform() < 0.5);
  const parts = Array.from({ length: granularity === 'batch' ? 1 : size * n }, () =>
    isMixup ? evenShares(rng.beta(alpha, alpha), side) : boxShares(drawBox(rng, side, alpha, boxMinArea), side, side),
  );
  return interpolation(partners[rank]!, granularity === 'batch' ? parts : parts.slice(rank * n, (rank + 1) * n));
}

/** Redraws of a box that is too small: enough that giving up is out of the question with any useful alpha. */
const MAX_REDRAWS = 200;

function drawBox(rng: Rng, side: number, alpha: number, minArea: number): Box {
  let best: Box | undefined;
  for (let i = 0; i < MAX_REDRAWS; i++) {
    const lambda = rng.beta(alpha, alpha);
    const box = cutBox({ height: side, width: side, lambda, centerY: rng.integer(side), centerX: rng.integer(side) });
    if (best === undefined || keptArea(box, side, side) < keptArea(best, side, side)) best = box;
    if (1 - keptArea(best, side, side) >= minArea) break;
  }
  return best!;
}

/** Shares along the two axes and the kept share of one choice. */
export interface Shares {
  readonly lambda: number;
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

/** Pixels inside the box come from the partner. */
export function boxShares(box: Box, height: number, width: number): Shares {
  const inside = (side: number, from: number, to: number) =>
    Array.from({ length: side }, (_, i) => (i >= from && i < to ? 1 : 0));
  return {
    lambda: keptArea(box, height, width),
    rows: inside(height, box.top, box.bottom),
    columns: inside(width, box.left, box.right),
  };
}

/** Every pixel is `lambda` of the image and 1 − `lambda` of its partner. */
export const evenShares = (lambda: number, side: number): Shares => ({
  lambda,
  rows: new Array<number>(side).fill(1 - lambda),
  columns: new Array<number>(side).fill(1),
});

/** Packs choices (one, or one per image) as inputs of a step. */
export function interpolation(partner: Int32Array | readonly number[], parts: readonly Shares[]): Interpolation {
  const matrix = (rows: readonly (readonly number[])[]) =>
    hostTensor<tf.Rank.R2>([rows.length, rows[0]!.length], rows.flat());
  return {
    partner: hostInts(partner),
    lambda: matrix(parts.map((p) => [p.lambda])),
    rows: matrix(parts.map((p) => p.rows)),
    columns: matrix(parts.map((p) => p.columns)),
  };
}

/** The same as {@link Interpolation}, on the device. */
export interface InterpolationTensors {
  readonly partner: tf.Tensor1D;
  readonly lambda: tf.Tensor2D;
  readonly rows: tf.Tensor2D;
  readonly columns: tf.Tensor2D;
}

/**
 * Mixed images:  (1 − share) · images_i + share · others_partner(i), share(y, x) = rows[y] · columns[x].
 *
 * @param images [n, H, W, c], kept where the share is 0, exactly. @param others same shape; the pasted content.
 */
export function mixImages(images: tf.Tensor4D, others: tf.Tensor4D, draws: InterpolationTensors): tf.Tensor4D {
  const [b, height] = draws.rows.shape;
  const share = tf.mul(
    tf.reshape(draws.rows, [b, height, 1, 1]),
    tf.reshape(draws.columns, [b, 1, draws.columns.shape[1], 1]),
  );
  const pasted = tf.gather(others, draws.partner);
  return tf.add(tf.mul(images, tf.sub(1, share)), tf.mul(pasted, share)) as tf.Tensor4D;
}

/**
 * Target of the mixed image:  norm(λ · a_i + (1 − λ) · b_partner(i)), gradient stopped.
 *
 * Antipodal rows with λ = ½ give a row of zeros, not NaN.
 *
 * @param a rows of the kept images, [n, d], unit. @param b rows of the pasted ones, before the exchange, [n, d], unit.
 */
export function mixFeatures(a: tf.Tensor2D, b: tf.Tensor2D, { partner, lambda }: InterpolationTensors): tf.Tensor2D {
  const mixed = tf.add(tf.mul(lambda, a), tf.mul(tf.sub(1, lambda), tf.gather(b, partner)));
  return stopGradient(unit(mixed as tf.Tensor2D));
}
