import type { PixelOp } from '../src/kernel/pixel-op.js';
import { type AxisWeights, axisWeights } from '../src/kernel/resample.js';

/** An 8-bit image, interleaved RGB. */
export interface ByteImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * The oracle of the 8-bit path: torchvision's operations on PIL images, repeated in Pillow's integer arithmetic (its results are
 * bit-equal to Pillow 13's, the blur to two levels). The kernels that ship work in floats; tests measure how far that is from this.
 */
export function applyPil(image: ByteImage, ops: readonly PixelOp[]): ByteImage {
  return ops.reduce(apply, image);
}

const fround = Math.fround;
const clip8 = (v: number): number => Math.min(Math.max(v, 0), 255);
const luma = (r: number, g: number, b: number): number => (r * 19595 + g * 38470 + b * 7471 + 32768) >> 16;

function apply(image: ByteImage, op: PixelOp): ByteImage {
  switch (op.op) {
    case 'resize':
      return resize(image, op);
    case 'brightness':
      return mapValues(
        image,
        blend(() => 0, op.factor),
      );
    case 'contrast': {
      const mean = Math.floor(meanLuma(image) + 0.5);
      return mapValues(
        image,
        blend(() => mean, op.factor),
      );
    }
    case 'saturation':
      return mapPixels(image, (r, g, b) => {
        const grey = luma(r, g, b);
        const mix = blend(() => grey, op.factor);
        return [mix(r), mix(g), mix(b)];
      });
    case 'hue': {
      const shift = Math.trunc(op.shift * 255) & 255;
      return mapPixels(image, (r, g, b) => turnHue(r, g, b, shift));
    }
    case 'grayscale':
      return mapPixels(image, (r, g, b) => [luma(r, g, b), luma(r, g, b), luma(r, g, b)]);
    case 'solarize': {
      const threshold = Math.round(op.threshold * 255);
      return mapValues(image, (v) => (v >= threshold ? 255 - v : v));
    }
    case 'blur':
      return boxBlur(image, op.sigma);
  }
}

/** ImageEnhance: degenerate + factor · (value − degenerate), in float32, cut to a byte. */
function blend(degenerate: () => number, factor: number): (v: number) => number {
  const f = fround(factor);
  return (v) => {
    const base = degenerate();
    return Math.trunc(clip8(fround(base + fround(f * (v - base)))));
  };
}

function mapValues(image: ByteImage, f: (v: number) => number): ByteImage {
  return { ...image, data: image.data.map(f) };
}

function mapPixels(image: ByteImage, f: (r: number, g: number, b: number) => readonly number[]): ByteImage {
  const data = new Uint8Array(image.data.length);
  for (let i = 0; i < data.length; i += 3) data.set(f(image.data[i]!, image.data[i + 1]!, image.data[i + 2]!), i);
  return { ...image, data };
}

function meanLuma({ data }: ByteImage): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += luma(data[i]!, data[i + 1]!, data[i + 2]!);
  return sum / (data.length / 3);
}

/** RGB → HSV with bytes → hue + shift → RGB. */
function turnHue(r: number, g: number, b: number, shift: number): readonly number[] {
  const max = Math.max(r, g, b);
  const range = max - Math.min(r, g, b);
  const saturation = Math.trunc(fround(range / max) * 255);
  if (range === 0 || saturation === 0) return [max, max, max];
  const [rc, gc, bc] = [r, g, b].map((v) => fround((max - v) / range)) as [number, number, number];
  const sector = r === max ? fround(bc - gc) : g === max ? fround(2 + rc - bc) : fround(4 + gc - rc);
  const turns = sector / 6 + 1;
  const hue = (Math.trunc(fround(turns - Math.floor(turns)) * 255) + shift) & 255;
  const place = (hue * 6) / 255;
  const i = Math.floor(place);
  const f = fround(place - i);
  const s = fround(saturation / 255);
  const p = Math.floor(fround(max * (1 - s)) + 0.5);
  const q = Math.floor(fround(max * (1 - fround(s * f))) + 0.5);
  const t = Math.floor(fround(max * (1 - s * (1 - f))) + 0.5);
  const sectors = [
    [max, t, p],
    [q, max, p],
    [p, max, t],
    [p, q, max],
    [t, p, max],
    [max, p, q],
  ] as const;
  return sectors[i % 6]!;
}

/** Weights as fixed-point numbers with 22 fractional bits. */
const fixed = (weights: Float64Array): Int32Array =>
  Int32Array.from(weights, (w) => Math.trunc(w * 4194304 + (w < 0 ? -0.5 : 0.5)));

function resize(image: ByteImage, { box, to, window, filter, flip }: PixelOp & { op: 'resize' }): ByteImage {
  const rows = axisWeights(box.height, to.height, window.top, window.height, filter);
  const columns = axisWeights(box.width, to.width, window.left, window.width, filter, flip);
  const cropped = crop(image, box);
  // Which pass Pillow 13 does first; the rule was found by comparing outputs.
  const verticalFirst = box.height > to.height && (box.width / to.width) ** 2 < box.height / to.height;
  return verticalFirst ? across(down(cropped, rows), columns) : down(across(cropped, columns), rows);
}

function crop(image: ByteImage, box: { left: number; top: number; width: number; height: number }): ByteImage {
  const data = new Uint8Array(box.width * box.height * 3);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * image.width + box.left) * 3;
    data.set(image.data.subarray(from, from + box.width * 3), y * box.width * 3);
  }
  return { data, width: box.width, height: box.height };
}

/** One pass of the resize along x. */
function across(image: ByteImage, axis: AxisWeights): ByteImage {
  const width = axis.spans.length / 2;
  const data = new Uint8Array(width * image.height * 3);
  const weights = fixed(axis.weights);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 1 << 21;
        for (let t = 0; t < axis.spans[2 * x + 1]!; t++) {
          sum += image.data[(y * image.width + axis.spans[2 * x]! + t) * 3 + c]! * weights[x * axis.taps + t]!;
        }
        data[(y * width + x) * 3 + c] = clip8(Math.floor(sum / 4194304));
      }
    }
  }
  return { data, width, height: image.height };
}

/** One pass along y. */
function down(image: ByteImage, axis: AxisWeights): ByteImage {
  return transpose(across(transpose(image), axis));
}

function transpose({ data, width, height }: ByteImage): ByteImage {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      out.set(data.subarray(from, from + 3), (x * height + y) * 3);
    }
  }
  return { data: out, width: height, height: width };
}

/** PIL's GaussianBlur: three extended box blurs each way, rounded to bytes after each; borders repeated. */
function boxBlur(image: ByteImage, sigma: number): ByteImage {
  const passes = 3;
  const variance = fround(fround(sigma * sigma) / passes);
  const length = fround(Math.sqrt(fround(12 * variance + 1)));
  const whole = fround(Math.floor(fround(fround(length - 1) / 2)));
  const above = fround(fround(2 * whole + 1) * fround(fround(whole * fround(whole + 1)) - fround(3 * variance)));
  const part = fround(above / fround(6 * fround(variance - fround(fround(whole + 1) * fround(whole + 1)))));
  const radius = fround(whole + part);
  let out = image;
  for (let i = 0; i < passes; i++) out = box(out, radius);
  out = transpose(out);
  for (let i = 0; i < passes; i++) out = box(out, radius);
  return transpose(out);
}

function box({ data, width, height }: ByteImage, size: number): ByteImage {
  const radius = Math.trunc(size);
  const inner = Math.trunc(16777216 / fround(size * 2 + 1));
  const edge = Math.floor((16777216 - (radius * 2 + 1) * inner) / 2);
  const out = new Uint8Array(data.length);
  const at = (y: number, x: number, c: number) => data[(y * width + Math.min(Math.max(x, 0), width - 1)) * 3 + c]!;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = -radius; i <= radius; i++) sum += at(y, x + i, c);
        const ends = at(y, x - radius - 1, c) + at(y, x + radius + 1, c);
        out[(y * width + x) * 3 + c] = Math.floor((sum * inner + ends * edge + 8388608) / 16777216);
      }
    }
  }
  return { data: out, width, height };
}
