import { integerAtLeast, oneOf, resolveOptions, SslError } from '@contrastive/core';
import { areaUnder, curve } from './average-precision.js';

/** Corners [x0, y0, x1, y1] in pixels, x1 and y1 exclusive. */
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/** An annotated object. `R` is its region: a {@link Box}, or a {@link Mask}. */
export interface GroundTruth<R = Box> {
  /** Number or name of the image. */
  readonly image: number | string;
  /** Class index ≥ 0. */
  readonly label: number;
  readonly region: R;
  /** "Difficult" (VOC): finding it, even repeatedly, is neither right nor wrong. COCO crowds are not distinguished from it. Default false. */
  readonly ignored?: boolean;
}

/** A found object. */
export interface Detection<R = Box> {
  readonly image: number | string;
  readonly label: number;
  readonly region: R;
  readonly score: number;
}

export interface DetectionApOptions {
  /** Recall rule: `point101` (COCO, default), `elevenPoint` (VOC 2007) or `allPoint`. */
  readonly rule?: 'point101' | 'elevenPoint' | 'allPoint';
  /** Best detections kept for one image and class. Default 100 (COCO). */
  readonly maxDetections?: number;
}
export const DETECTION_AP_DEFAULTS: Required<DetectionApOptions> = { rule: 'point101', maxDetections: 100 };

export interface DetectionScores {
  /** Mean over classes and IoU thresholds .50, .55, … .95. */
  readonly ap: number;
  readonly ap50: number;
  readonly ap75: number;
  /** AP of each class that occurs, by label. */
  readonly perClass: Readonly<Record<number, number>>;
  readonly rule: Required<DetectionApOptions>['rule'];
}

const THRESHOLDS = Array.from({ length: 10 }, (_, i) => 0.5 + 0.05 * i);

/**
 * Detection AP, AP50 and AP75. For every class, image and threshold, detections in order of score each take the unmatched object
 * with the largest IoU ≥ threshold, and are wrong if there is none; detections of ignored objects count neither way.
 * Classes without (counted) objects are left out of the mean.
 *
 * @param overlap IoU of two regions; default {@link boxIou}. Give {@link maskIou} for mask AP.
 * @throws SslError `DATA` if no object counts; `NOT_FINITE` on a score; `BAD_OPTION`.
 * Source: COCO's evaluation; spec "evaluation" section 6.
 */
export function detectionAp(
  groundTruth: readonly GroundTruth[],
  detections: readonly Detection[],
  options?: DetectionApOptions,
): DetectionScores;
export function detectionAp<R>(
  groundTruth: readonly GroundTruth<R>[],
  detections: readonly Detection<R>[],
  options: DetectionApOptions | undefined,
  overlap: (detected: R, object: R) => number,
): DetectionScores;
export function detectionAp<R>(
  groundTruth: readonly GroundTruth<R>[],
  detections: readonly Detection<R>[],
  options: DetectionApOptions = {},
  overlap: (detected: R, object: R) => number = boxIou as unknown as (detected: R, object: R) => number,
): DetectionScores {
  const o = resolveOptions<Required<DetectionApOptions>>('detectionAp', DETECTION_AP_DEFAULTS, options, (r) => [
    ...integerAtLeast(1, r, 'maxDetections'),
    ...oneOf(r, 'rule', ['point101', 'elevenPoint', 'allPoint']),
  ]);
  const bad = detections.find(({ score }) => !Number.isFinite(score));
  if (bad !== undefined)
    throw new SslError('NOT_FINITE', `detectionAp: a detection in image ${bad.image} has score ${bad.score}.`);
  const labels = [...new Set(groundTruth.filter((g) => g.ignored !== true).map((g) => g.label))].sort((a, b) => a - b);
  if (labels.length === 0)
    throw new SslError('DATA', 'detectionAp: there is no object to find, so that AP is not defined.');
  const perThreshold = labels.map((label) => {
    const objects = groundTruth.filter((g) => g.label === label);
    const images = matchableImages(
      objects,
      detections.filter((d) => d.label === label),
      o.maxDetections,
      overlap,
    );
    const positives = objects.filter((g) => g.ignored !== true).length;
    return THRESHOLDS.map((threshold) => classAp(images, threshold, positives, o.rule));
  });
  const meanAt = (t: number) => mean(perThreshold.map((aps) => aps[t]!));
  return {
    ap: mean(perThreshold.map(mean)),
    ap50: meanAt(0),
    ap75: meanAt(5),
    perClass: Object.fromEntries(labels.map((label, i) => [label, mean(perThreshold[i]!)])),
    rule: o.rule,
  };
}

/** One image and class: detections by descending score, objects with the ignored ones last, IoU [detections][objects]. */
interface MatchableImage {
  readonly scores: readonly number[];
  readonly ignored: readonly boolean[];
  readonly iou: readonly (readonly number[])[];
}

function matchableImages<R>(
  objects: readonly GroundTruth<R>[],
  detections: readonly Detection<R>[],
  maxDetections: number,
  overlap: (detected: R, object: R) => number,
): MatchableImage[] {
  const byImage = new Map<number | string, { objects: GroundTruth<R>[]; found: Detection<R>[] }>();
  const at = (image: number | string) => {
    const entry = byImage.get(image) ?? { objects: [], found: [] };
    byImage.set(image, entry);
    return entry;
  };
  for (const object of objects) at(object.image).objects.push(object);
  for (const detection of detections) at(detection.image).found.push(detection);
  return [...byImage.values()].map((entry) => {
    const found = entry.found.sort((a, b) => b.score - a.score).slice(0, maxDetections);
    const sorted = entry.objects.sort((a, b) => Number(a.ignored === true) - Number(b.ignored === true));
    return {
      scores: found.map((d) => d.score),
      ignored: sorted.map((g) => g.ignored === true),
      iou: found.map((d) => sorted.map((g) => overlap(d.region, g.region))),
    };
  });
}

function classAp(
  images: readonly MatchableImage[],
  threshold: number,
  positives: number,
  rule: Required<DetectionApOptions>['rule'],
): number {
  const outcomes = images.flatMap((image) => {
    const matched = matchImage(image, threshold);
    return image.scores.map((score, d) => ({ score, hit: matched[d]! }));
  });
  const counted = outcomes.filter((outcome) => outcome.hit !== 'ignored').sort((a, b) => b.score - a.score);
  return areaUnder(
    curve(
      Uint8Array.from(counted, ({ hit }) => (hit === 'right' ? 1 : 0)),
      positives,
    ),
    rule,
  );
}

/** What becomes of each detection. An object that counts is preferred to an ignored one; ignored ones can be found repeatedly. */
function matchImage({ iou, ignored }: MatchableImage, threshold: number): ('right' | 'wrong' | 'ignored')[] {
  const taken = new Set<number>();
  return iou.map((overlaps) => {
    let best = -1;
    overlaps.forEach((value, g) => {
      if (taken.has(g) || value < Math.min(threshold, 1 - 1e-10)) return;
      const isBetter = best < 0 || (ignored[best] === ignored[g] && value >= overlaps[best]!);
      if (isBetter) best = g;
    });
    if (best < 0) return 'wrong';
    if (ignored[best]) return 'ignored';
    taken.add(best);
    return 'right';
  });
}

/** Intersection over union of two boxes; 0 for boxes without area. */
export function boxIou(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const shared = Math.max(0, width) * Math.max(0, height);
  const union = area(a) + area(b) - shared;
  return union > 0 ? shared / union : 0;
}
const area = ([x0, y0, x1, y1]: Box): number => Math.max(0, x1 - x0) * Math.max(0, y1 - y0);

/** One byte a pixel of its image, non-zero inside. */
export type Mask = Uint8Array;

/** Intersection over union of two masks of one image; 0 if both are empty. @throws SslError `SHAPE_MISMATCH` on two sizes. */
export function maskIou(a: Mask, b: Mask): number {
  if (a.length !== b.length) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `maskIou: masks have ${a.length} and ${b.length} pixels, but must be of one image.`,
    );
  }
  let [shared, union] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (a[i] && b[i]) shared++;
    if (a[i] || b[i]) union++;
  }
  return union > 0 ? shared / union : 0;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
