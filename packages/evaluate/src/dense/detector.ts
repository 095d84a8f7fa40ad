import { type HostTensor, type Initializer, type Module, positive, resolveOptions, SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Box, Detection, GroundTruth } from './detection.js';
import { centreTargets, decodeCentres, type GridShape } from './detector-targets.js';
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

/** Images of one size with their objects; `image` of an object is the index of its image. */
export interface DetectionSet {
  /** [n, side, side, 3], normalised. */
  readonly images: HostTensor<tf.Rank.R4>;
  /** Boxes in pixels of these images; ignored objects are not trained on. */
  readonly objects: readonly (GroundTruth<Box> & { readonly image: number })[];
}

export interface DetectorOptions extends HeadTrainingOptions {
  /** Classes, ≥ 1. Default 1. */
  readonly classes?: number;
  /** Channels of the head's 3 × 3 convolution, ≥ 1. Default 64. */
  readonly channels?: number;
  /** Weight of the box size term, > 0. Default 0.1 (Zhou et al.). */
  readonly sizeWeight?: number;
  /** Detections given for an image, best first, ≥ 1. Default 100. */
  readonly maxDetections?: number;
}
export const DETECTOR_DEFAULTS: Required<DetectorOptions> = {
  ...HEAD_TRAINING_DEFAULTS,
  classes: 1,
  channels: 64,
  sizeWeight: 0.1,
  maxDetections: 100,
};

export interface DetectorModel {
  readonly protocol: string;
  /** Objects found in each image, `image` counted from 0; for {@link detectionAp}. */
  detect(images: HostTensor<tf.Rank.R4>): Promise<Detection<Box>[]>;
  dispose(): void;
}

/**
 * Light one-stage detector: on the encoder's map a 3 × 3 convolution, then for every cell a score for each class (is an object's centre
 * here?), the box's size and the centre's offset inside the cell (Zhou et al. 2019, "Objects as Points": penalty-reduced focal
 * loss, L1 for size and offset). Frozen by default; `trained` fine-tunes the encoder with it.
 *
 * Not a Faster R-CNN: report it under its own name, with the same schedule for every initialisation (random included), three seeds or more.
 *
 * @throws SslError `DATA` (no object, a class ≥ classes, an image that does not exist), `NOT_FINITE` (diverged), `BAD_OPTION`.
 * Source: spec "evaluation" sections 6 and 10.
 */
export async function trainDetector(
  encode: EncodeMap,
  train: DetectionSet,
  options: DetectorOptions = {},
): Promise<DetectorModel> {
  const { classes, channels, sizeWeight, maxDetections, ...o } = resolveOptions<Required<DetectorOptions>>(
    'trainDetector',
    DETECTOR_DEFAULTS,
    options,
    (r) => [
      ...headIssues(r),
      ...(['classes', 'channels', 'maxDetections'] as const)
        .filter((name) => !(Number.isInteger(r[name]) && r[name] >= 1))
        .map((option) => ({ option, problem: `must be an integer ≥ 1, but is ${r[option]}` })),
      ...positive(r, 'sizeWeight'),
    ],
  );
  const [count, height, width] = train.images.shape;
  const objects = train.objects.filter((object) => object.ignored !== true);
  requireObjects(objects, count, classes);
  const shape = tf.tidy(() => encode(takeImages(train.images, Int32Array.of(0))).shape);
  const gridOf = (h: number, w: number, sides: readonly [number, number]): GridShape => ({
    rows: h,
    columns: w,
    classes,
    strideY: sides[0] / h,
    strideX: sides[1] / w,
  });
  const grid = gridOf(shape[1], shape[2], [height, width]);
  const head = centreHead(shape[3], channels, classes);
  const loss = (output: tf.Tensor4D, images: Int32Array): tf.Scalar => {
    const targets = centreTargets(grid, images, objects);
    return centreLoss(output, targets, [images.length, grid.rows, grid.columns], classes, sizeWeight);
  };
  const weights = await trainHead('detector', encode, train.images, head, loss, o);
  const kind = o.trained.length === 0 ? 'frozen' : 'fine-tuned';
  return {
    protocol: `detection, ${kind}, centre head, ${height} px, ${o.steps} steps`,
    detect: async (images) => {
      const found: Detection<Box>[] = [];
      for (const rows of inBatches(images.shape[0], o.batchSize)) {
        const [output, peaks] = tf.tidy(() => {
          const raw = head.apply(weights, encode(takeImages(images, rows)), HEAD_PASS);
          const heat = tf.sigmoid(tf.slice(raw, [0, 0, 0, 0], [-1, -1, -1, classes])) as tf.Tensor4D;
          // A cell counts if none of its eight neighbours has a higher score.
          const isPeak = tf.equal(heat, tf.maxPool(heat, 3, 1, 'same'));
          return [raw, tf.mul(heat, tf.cast(isPeak, 'float32')) as tf.Tensor4D] as [tf.Tensor4D, tf.Tensor4D];
        });
        const size: readonly [number, number] = [images.shape[1], images.shape[2]];
        const scale = gridOf(output.shape[1], output.shape[2], size);
        const values = [(await output.data()) as Float32Array, (await peaks.data()) as Float32Array] as const;
        tf.dispose([output, peaks]);
        found.push(...decodeCentres(scale, rows, values[0], values[1], maxDetections));
      }
      return found;
    },
    dispose: () => disposeAll(weights),
  };
}

/** Output channels: `classes` score logits, box height and width in cells, centre offset (y, x) in cells. */
function centreHead(input: number, channels: number, classes: number): Module<tf.Tensor4D, tf.Tensor4D> {
  const normal =
    (deviation: number): Initializer =>
    (shape, rng) =>
      Float32Array.from({ length: shape[0]! * shape[1]! }, () => deviation * rng.normal());
  return {
    specs: {
      hidden: { shape: [9 * input, channels], role: 'kernel', init: normal(Math.sqrt(2 / (9 * input))) },
      hiddenBias: { shape: [channels], role: 'bias', init: () => new Float32Array(channels) },
      output: {
        shape: [channels, classes + 4],
        role: 'kernel',
        init: normal(0.01),
      },
      // Scores start at 0.1 (logit −2.19), so that the many empty cells do not drown the first steps.
      outputBias: {
        shape: [classes + 4],
        role: 'bias',
        init: () =>
          Float32Array.from({ length: classes + 4 }, (_, c) => (c < classes ? -2.19 : c < classes + 2 ? 1 : 0.5)),
      },
    },
    apply: (weights, map) => {
      const hidden = tf.relu(tf.add(product(around(map), weights.hidden as tf.Tensor2D), weights.hiddenBias!));
      return tf.add(product(hidden as tf.Tensor4D, weights.output as tf.Tensor2D), weights.outputBias!) as tf.Tensor4D;
    },
  };
}

/** Every cell's 3 × 3 neighbourhood as channels, [n, h, w, 9c], zeros outside. As a product, since not all backends have a convolution's gradient. */
function around(map: tf.Tensor4D): tf.Tensor4D {
  const [, h, w] = map.shape;
  const padded = tf.pad(map, [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ]);
  const shifts = [0, 1, 2].flatMap((y) => [0, 1, 2].map((x) => tf.slice(padded, [0, y, x, 0], [-1, h, w, -1])));
  return tf.concat(shifts, 3) as tf.Tensor4D;
}

/** A 1 × 1 convolution: [n, h, w, c] by [c, d]. */
function product(map: tf.Tensor4D, kernel: tf.Tensor2D): tf.Tensor4D {
  const [n, h, w, c] = map.shape;
  return tf.reshape(tf.matMul(tf.reshape(map, [-1, c]), kernel), [n, h, w, kernel.shape[1]]) as tf.Tensor4D;
}

/**
 * Focal loss of the scores + sizeWeight · L1(size) + L1(offset), each over the number of objects. At a centre −(1−p)²·ln p, elsewhere
 * −(1−y)⁴·p²·ln(1−p), where y falls off around centres.
 */
function centreLoss(
  output: tf.Tensor4D,
  targets: ReturnType<typeof centreTargets>,
  [n, rows, columns]: readonly [number, number, number],
  classes: number,
  sizeWeight: number,
): tf.Scalar {
  const grid = [n, rows, columns] as const;
  const heat = tf.tensor4d(targets.heat, [...grid, classes]);
  const box = tf.tensor4d(targets.box, [...grid, 4]);
  const owned = tf.tensor4d(targets.owned, [...grid, 1]);
  const logits = tf.slice(output, [0, 0, 0, 0], [-1, -1, -1, classes]);
  const centre = tf.cast(tf.equal(heat, 1), 'float32');
  const p = tf.sigmoid(logits);
  const atCentre = tf.mul(tf.mul(centre, tf.square(tf.sub(1, p))), tf.softplus(tf.neg(logits)));
  const away = tf.pow(tf.sub(1, heat), 4);
  const elsewhere = tf.mul(tf.mul(away, tf.square(p)), tf.softplus(logits));
  const miss = tf.mul(tf.abs(tf.sub(tf.slice(output, [0, 0, 0, classes], [-1, -1, -1, 4]), box)), owned);
  const weighted = tf.mul(miss, tf.tensor1d([sizeWeight, sizeWeight, 1, 1]));
  return tf.div(tf.addN([tf.sum(atCentre), tf.sum(elsewhere), tf.sum(weighted)]), targets.count) as tf.Scalar;
}

function requireObjects(objects: readonly { image: number; label: number }[], images: number, classes: number): void {
  if (objects.length === 0) throw new SslError('DATA', 'trainDetector: there is no object to learn from.');
  const bad = objects.find(({ image, label }) => !(image >= 0 && image < images && label >= 0 && label < classes));
  if (bad !== undefined) {
    throw new SslError(
      'DATA',
      `trainDetector: an object of class ${bad.label} lies in image ${bad.image}, but there are ${classes} classes and ${images} images.`,
    );
  }
}
