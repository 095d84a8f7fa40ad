import { SslError } from '@contrastive/core';

/** Pixel counts over a whole set: `counts[gt * classes + predicted]`. */
export interface Confusion {
  readonly classes: number;
  readonly counts: Float64Array;
}

export const createConfusion = (classes: number): Confusion => ({ classes, counts: new Float64Array(classes ** 2) });

/**
 * Adds the pixels of one image to a confusion matrix.
 *
 * @param truth class of every pixel. @param prediction same length. @param ignoreIndex pixels of this ground truth are left out; default 255.
 * @throws SslError `SHAPE_MISMATCH` on two lengths; `DATA` on a class outside 0 … classes − 1.
 */
export function addToConfusion(
  { classes, counts }: Confusion,
  truth: ArrayLike<number>,
  prediction: ArrayLike<number>,
  ignoreIndex = 255,
): void {
  if (truth.length !== prediction.length) {
    throw new SslError('SHAPE_MISMATCH', `confusion: ${truth.length} pixels, but ${prediction.length} predictions.`);
  }
  for (let i = 0; i < truth.length; i++) {
    const [gt, predicted] = [truth[i]!, prediction[i]!];
    if (gt === ignoreIndex) continue;
    if (!(gt >= 0 && gt < classes && predicted >= 0 && predicted < classes)) {
      throw new SslError(
        'DATA',
        `confusion: pixel ${i} is of class ${gt}, predicted ${predicted}, but there are ${classes} classes.`,
      );
    }
    counts[gt * classes + predicted]!++;
  }
}

export interface SegmentationScores {
  /** M_cc / (row + column − M_cc) of every class; NaN for a class that neither occurs nor is predicted. */
  readonly iou: Float64Array;
  /** Mean of `iou` over classes that occur in the ground truth. */
  readonly meanIou: number;
  readonly pixelAccuracy: number;
}

/**
 * @throws SslError `DATA` if no pixel was counted.
 * @example [[50, 2, 3], [4, 20, 1], [5, 0, 15]]: IoU .781250, .740741, .625000, mean .715664, pixel accuracy .85.
 * Source: spec "evaluation" section 7, worked example E.
 */
export function segmentationScores({ classes, counts }: Confusion): SegmentationScores {
  const rows = new Float64Array(classes);
  const columns = new Float64Array(classes);
  let [total, right] = [0, 0];
  counts.forEach((count, i) => {
    rows[Math.floor(i / classes)]! += count;
    columns[i % classes]! += count;
    total += count;
    if (i % (classes + 1) === 0) right += count;
  });
  if (total === 0) throw new SslError('DATA', 'segmentationScores: no pixel was counted, so that IoU is not defined.');
  const diagonal = (c: number) => counts[c * (classes + 1)]!;
  const iou = rows.map((row, c) => diagonal(c) / (row + columns[c]! - diagonal(c)));
  const present = iou.filter((_, c) => rows[c]! > 0);
  return { iou, meanIou: present.reduce((a, b) => a + b, 0) / present.length, pixelAccuracy: right / total };
}
