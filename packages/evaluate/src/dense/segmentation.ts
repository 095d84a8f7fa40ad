import { type HostTensor, type Module, resolveOptions, SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { addToConfusion, createConfusion, type SegmentationScores, segmentationScores } from './segmentation-scores.js';
import {
  disposeAll,
  type EncodeMap,
  HEAD_PASS,
  HEAD_TRAINING_DEFAULTS,
  type HeadTrainingOptions,
  headIssues,
  inBatches,
  takeImages,
  trainHead,
} from './train-head.js';

/** Images of one size with one class index a pixel. */
export interface SegmentationSet {
  /** [n, side, side, 3], normalised. */
  readonly images: HostTensor<tf.Rank.R4>;
  /** [n, side, side] row-major; 255 is ignored. */
  readonly masks: Uint8Array;
}

export interface SegmentationOptions extends HeadTrainingOptions {
  /** Classes, background included, ≥ 2. Default 2. */
  readonly classes?: number;
}
export const SEGMENTATION_DEFAULTS: Required<SegmentationOptions> = { ...HEAD_TRAINING_DEFAULTS, classes: 2 };

export interface SegmentationModel {
  readonly protocol: string;
  /** Class of every pixel, [n, side, side]. */
  predict(images: HostTensor<tf.Rank.R4>): Promise<Uint8Array>;
  dispose(): void;
}

const IGNORED = 255;

/**
 * Light semantic segmentation: a 1 × 1 convolution on the encoder's map, its logits enlarged to the image by bilinear interpolation,
 * cross-entropy per pixel. Frozen by default; `trained` fine-tunes the encoder with it. Not an FCN on full images: report it under
 * its own name, with the same schedule for every initialisation (random included), three seeds or more.
 *
 * @throws SslError `SHAPE_MISMATCH` (masks that do not fit), `DATA` (a class ≥ classes), `NOT_FINITE` (diverged), `BAD_OPTION`.
 * Source: spec "evaluation" sections 7 and 10.
 */
export async function trainSegmentation(
  encode: EncodeMap,
  train: SegmentationSet,
  options: SegmentationOptions = {},
): Promise<SegmentationModel> {
  const { classes, ...o } = resolveOptions<Required<SegmentationOptions>>(
    'trainSegmentation',
    SEGMENTATION_DEFAULTS,
    options,
    (r) => [
      ...headIssues(r),
      ...(Number.isInteger(r.classes) && r.classes >= 2 && r.classes <= IGNORED
        ? []
        : [{ option: 'classes', problem: `must be an integer from 2 to ${IGNORED}, but is ${r.classes}` }]),
    ],
  );
  requireMasks(train, classes);
  const [, height, width] = train.images.shape;
  const channels = tf.tidy(() => encode(takeImages(train.images, Int32Array.of(0))).shape[3]);
  const head = pointwise(channels, classes);
  const loss = (output: tf.Tensor4D, rows: Int32Array): tf.Scalar => {
    const logits = tf.reshape(enlarge(output, height, width), [-1, classes]) as tf.Tensor2D;
    const { labels, counted } = pixelsOf(train, rows);
    // Not oneHot's own float32: the wasm backend writes integers into it.
    const target = tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), classes), 'float32');
    const own = tf.sum(tf.mul(logits, target), 1);
    const losses = tf.mul(tf.sub(tf.logSumExp(logits, 1), own), tf.tensor1d(counted));
    return tf.div(
      tf.sum(losses),
      Math.max(
        1,
        counted.reduce((a, b) => a + b, 0),
      ),
    ) as tf.Scalar;
  };
  const weights = await trainHead('segmentation', encode, train.images, head, loss, o);
  const kind = o.trained.length === 0 ? 'frozen' : 'fine-tuned';
  return {
    protocol: `segmentation, ${kind}, 1 × 1 head, ${height} px, ${o.steps} steps`,
    predict: async (images) => {
      const [n, h, w] = images.shape;
      const predicted = new Uint8Array(n * h * w);
      for (const rows of inBatches(n, o.batchSize)) {
        const best = tf.tidy(() => {
          const logits = head.apply(weights, encode(takeImages(images, rows)), HEAD_PASS);
          return tf.argMax(enlarge(logits, h, w), 3);
        });
        predicted.set(await best.data(), rows[0]! * h * w);
        best.dispose();
      }
      return predicted;
    },
    dispose: () => disposeAll(weights),
  };
}

/** One confusion matrix over a whole set, then {@link segmentationScores}. @throws SslError as {@link trainSegmentation}. */
export async function scoreSegmentation(
  model: SegmentationModel,
  test: SegmentationSet,
  classes: number,
): Promise<SegmentationScores> {
  requireMasks(test, classes);
  const confusion = createConfusion(classes);
  addToConfusion(confusion, test.masks, await model.predict(test.images), IGNORED);
  return segmentationScores(confusion);
}

const pointwise = (channels: number, classes: number): Module<tf.Tensor4D, tf.Tensor4D> => ({
  specs: {
    kernel: {
      shape: [channels, classes],
      role: 'kernel',
      init: (shape, rng) => Float32Array.from({ length: shape[0]! * shape[1]! }, () => 0.01 * rng.normal()),
    },
    bias: { shape: [classes], role: 'bias', init: () => new Float32Array(classes) },
  },
  apply: (weights, map) => {
    const [n, h, w, c] = map.shape;
    const logits = tf.add(tf.matMul(tf.reshape(map, [-1, c]), weights.kernel as tf.Tensor2D), weights.bias!);
    return tf.reshape(logits, [n, h, w, classes]) as tf.Tensor4D;
  },
});

/**
 * Bilinear enlargement (half-pixel centres) of [n, h, w, c] to [n, height, width, c], as two products: tfjs's own resize has a gradient for
 * another alignment only.
 */
export function enlarge(map: tf.Tensor4D, height: number, width: number): tf.Tensor4D {
  const [n, h, w, c] = map.shape;
  const rowsFirst = tf.reshape(tf.transpose(map, [0, 3, 1, 2]), [n * c * h, w]) as tf.Tensor2D;
  const wide = tf.reshape(tf.matMul(rowsFirst, interpolation(w, width)), [n * c, h, width]);
  const columnsFirst = tf.reshape(tf.transpose(wide, [0, 2, 1]), [n * c * width, h]) as tf.Tensor2D;
  const tall = tf.reshape(tf.matMul(columnsFirst, interpolation(h, height)), [n, c, width, height]);
  return tf.transpose(tall, [0, 3, 2, 1]) as tf.Tensor4D;
}

/** [from, to]: column t holds the weights of the source cells for target pixel t. */
function interpolation(from: number, to: number): tf.Tensor2D {
  const weights = new Float32Array(from * to);
  for (let t = 0; t < to; t++) {
    const centre = Math.min(from - 1, Math.max(0, ((t + 0.5) * from) / to - 0.5));
    const low = Math.min(from - 1, Math.floor(centre));
    const high = Math.min(from - 1, low + 1);
    weights[low * to + t]! += 1 - (centre - low);
    weights[high * to + t]! += centre - low;
  }
  return tf.tensor2d(weights, [from, to]);
}

/** Labels of the images' pixels, 0 where ignored, and which count. */
function pixelsOf({ images, masks }: SegmentationSet, rows: Int32Array): { labels: Int32Array; counted: Float32Array } {
  const size = images.shape[1] * images.shape[2];
  const labels = new Int32Array(rows.length * size);
  const counted = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    for (let p = 0; p < size; p++) {
      const label = masks[row * size + p]!;
      counted[i * size + p] = label === IGNORED ? 0 : 1;
      labels[i * size + p] = label === IGNORED ? 0 : label;
    }
  });
  return { labels, counted };
}

function requireMasks({ images, masks }: SegmentationSet, classes: number): void {
  const [n, h, w] = images.shape;
  if (n < 1 || masks.length !== n * h * w) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `segmentation: images are [${images.shape}], but ${masks.length} mask pixels were given.`,
    );
  }
  const bad = masks.findIndex((label) => label >= classes && label !== IGNORED);
  if (bad >= 0)
    throw new SslError('DATA', `segmentation: a mask pixel is of class ${masks[bad]}, but there are ${classes}.`);
}
