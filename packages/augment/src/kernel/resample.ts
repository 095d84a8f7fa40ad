import { type ResizeFilter, SslError } from '@contrastive/core';
import type { Box, PixelOp } from './pixel-op.js';

/** The resize of one axis: output i is the sum over t < count(i) of weights[i · taps + t] · input[first(i) + t]. */
export interface AxisWeights {
  /** (first, count) per output. */
  readonly spans: Int32Array;
  readonly weights: Float64Array;
  readonly taps: number;
}

const triangle = (x: number): number => (x < 1 ? 1 - x : 0);

const cubic = (x: number): number => {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
};

/**
 * Weights of an antialiased resize from `from` to `to` pixels, for the outputs [start, start + size): the filter is centred on
 * (i + ½) · from/to and stretched by max(1, from/to); weights outside the input are dropped and the rest made to sum to one.
 *
 * @param mirror gives the outputs in reverse order. @param scale a factor on every weight.
 */
export function axisWeights(
  from: number,
  to: number,
  start: number,
  size: number,
  filter: ResizeFilter,
  mirror = false,
  scale = 1,
): AxisWeights {
  const kernel = filter === 'bicubic' ? cubic : triangle;
  const ratio = from / to;
  const stretch = Math.max(ratio, 1);
  const support = (filter === 'bicubic' ? 2 : 1) * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const spans = new Int32Array(2 * size);
  const weights = new Float64Array(size * taps);
  const line = new Float64Array(taps);
  for (let i = 0; i < size; i++) {
    const centre = (start + i + 0.5) * ratio;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(from, Math.trunc(centre + support + 0.5)) - first;
    let sum = 0;
    for (let t = 0; t < count; t++) {
      const w = kernel(Math.abs((t + first - centre + 0.5) / stretch));
      line[t] = w;
      sum += w;
    }
    const at = mirror ? size - 1 - i : i;
    spans[2 * at] = first;
    spans[2 * at + 1] = count;
    for (let t = 0; t < count; t++) weights[at * taps + t] = (line[t]! / sum) * scale;
  }
  return { spans, weights, taps };
}

/** One-sided weights of a Gaussian cut at `radius`: [centre, 1 away, …], summing to one over both sides. */
export function blurWeights(sigma: number, radius: number): Float32Array {
  const weights = new Float64Array(radius + 1);
  let sum = 0;
  for (let i = 0; i <= radius; i++) {
    weights[i] = Math.exp((-i * i) / (2 * sigma * sigma));
    sum += i === 0 ? weights[i]! : 2 * weights[i]!;
  }
  return Float32Array.from(weights, (w) => w / sum);
}

const inside = (box: Box, width: number, height: number): boolean =>
  box.left >= 0 &&
  box.top >= 0 &&
  box.width >= 1 &&
  box.height >= 1 &&
  box.left + box.width <= width &&
  box.top + box.height <= height;

/** @throws SslError `DATA` if the operation reaches outside an image of this size. */
export function checkOp(op: PixelOp, width: number, height: number): void {
  const text = (b: Box) => `${b.width}×${b.height} at (${b.left}, ${b.top})`;
  if (op.op === 'resize') {
    if (!inside(op.box, width, height))
      throw new SslError(
        'DATA',
        `resize: the box ${text(op.box)} lies outside the image of ${width}×${height} pixels.`,
      );
    if (!inside(op.window, op.to.width, op.to.height))
      throw new SslError('DATA', `resize: the window ${text(op.window)} lies outside ${op.to.width}×${op.to.height}.`);
  }
  if (op.op === 'blur' && !(op.sigma > 0 && op.radius >= 1 && op.radius < Math.min(width, height)))
    throw new SslError(
      'DATA',
      `blur: sigma ${op.sigma}, radius ${op.radius} on ${width}×${height} pixels, but sigma must be > 0 and the radius from 1 to the shorter side − 1.`,
    );
}

/** @throws SslError `DATA` unless `rgb` holds exactly one image of this size. */
export function checkSource(rgb: Uint8Array, width: number, height: number): void {
  if (!(width >= 1 && height >= 1) || rgb.length !== width * height * 3)
    throw new SslError(
      'DATA',
      `setSource: ${rgb.length} bytes were given for an RGB image of ${width}×${height} pixels (${width * height * 3} bytes).`,
    );
}

/** @throws SslError `DATA` if a view of `pixels` does not fit. */
export function checkRoom(out: Float32Array, offset: number, pixels: number): void {
  if (offset < 0 || offset + pixels * 3 > out.length)
    throw new SslError(
      'DATA',
      `render: a view of ${pixels * 3} values does not fit into ${out.length} from ${offset} on.`,
    );
}
