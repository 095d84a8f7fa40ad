import { SslError } from '@contrastive/core';
import type { Normalization, PixelOp, ViewKernel } from './pixel-op.js';
import { axisWeights, blurWeights, checkOp, checkRoom, checkSource } from './resample.js';

/** Three planes of width · height floats in [0, 1]. */
interface Planes {
  readonly width: number;
  readonly height: number;
  readonly r: Float32Array;
  readonly g: Float32Array;
  readonly b: Float32Array;
}

const emptyPlanes = (width: number, height: number): Planes => ({
  width,
  height,
  r: new Float32Array(width * height),
  g: new Float32Array(width * height),
  b: new Float32Array(width * height),
});

const clamp01 = (v: number): number => Math.min(Math.max(v, 0), 1);
const luma = (r: number, g: number, b: number): number => 0.2989 * r + 0.587 * g + 0.114 * b;

/** The readable reference of the SIMD kernel, and the fallback where WebAssembly SIMD is missing. Same results to about 2e-6. */
export function createJsKernel(): ViewKernel {
  let source: Planes | undefined;
  return {
    setSource(rgb, width, height) {
      checkSource(rgb, width, height);
      source = load(rgb, width, height);
    },
    render(ops, normalization, out, offset = 0) {
      if (source === undefined) throw new SslError('DATA', 'render: no image was given; call setSource first.');
      let image = source;
      for (const op of ops) {
        checkOp(op, image.width, image.height);
        image = apply(image, op);
      }
      checkRoom(out, offset, image.width * image.height);
      normalize(image, normalization, out, offset);
      return { width: image.width, height: image.height };
    },
  };
}

function load(rgb: Uint8Array, width: number, height: number): Planes {
  const image = emptyPlanes(width, height);
  for (let i = 0; i < width * height; i++) {
    image.r[i] = rgb[3 * i]! / 255;
    image.g[i] = rgb[3 * i + 1]! / 255;
    image.b[i] = rgb[3 * i + 2]! / 255;
  }
  return image;
}

function apply(image: Planes, op: PixelOp): Planes {
  switch (op.op) {
    case 'resize':
      return resize(image, op);
    case 'brightness':
      return mapValues(image, (v) => clamp01(v * op.factor));
    case 'contrast': {
      const offset = meanLuma(image) * (1 - op.factor);
      return mapValues(image, (v) => clamp01(v * op.factor + offset));
    }
    case 'saturation':
      return mapPixels(image, (r, g, b) => {
        const grey = luma(r, g, b) * (1 - op.factor);
        return [clamp01(r * op.factor + grey), clamp01(g * op.factor + grey), clamp01(b * op.factor + grey)];
      });
    case 'hue':
      return mapPixels(image, (r, g, b) => turnHue(r, g, b, op.shift));
    case 'grayscale':
      return mapPixels(image, (r, g, b) => {
        const grey = luma(r, g, b);
        return [grey, grey, grey];
      });
    case 'solarize':
      return mapValues(image, (v) => (v >= Math.fround(op.threshold) ? 1 - v : v));
    case 'blur':
      return blur(image, op.sigma, op.radius);
  }
}

const channels = (image: Planes): readonly [Float32Array, Float32Array, Float32Array] => [image.r, image.g, image.b];

function mapValues(image: Planes, f: (v: number) => number): Planes {
  return { ...image, r: image.r.map(f), g: image.g.map(f), b: image.b.map(f) };
}

function mapPixels(image: Planes, f: (r: number, g: number, b: number) => [number, number, number]): Planes {
  const out = emptyPlanes(image.width, image.height);
  for (let i = 0; i < out.r.length; i++) {
    const [r, g, b] = f(image.r[i]!, image.g[i]!, image.b[i]!);
    out.r[i] = r;
    out.g[i] = g;
    out.b[i] = b;
  }
  return out;
}

function meanLuma(image: Planes): number {
  let sum = 0;
  for (let i = 0; i < image.r.length; i++) sum += luma(image.r[i]!, image.g[i]!, image.b[i]!);
  return sum / image.r.length;
}

/** RGB → HSV, hue + shift, → RGB, in one: channel = v − c·clamp(min(k, 4 − k)), k = (n + h) mod 6, n = 5, 3, 1. */
function turnHue(r: number, g: number, b: number, shift: number): [number, number, number] {
  const v = Math.max(r, g, b);
  const c = v - Math.min(r, g, b);
  if (c === 0) return [r, g, b];
  const sector = v === r ? (g - b) / c : v === g ? 2 + (b - r) / c : 4 + (r - g) / c;
  const h = sector + 6 * shift;
  const channel = (n: number) => {
    const k = n + h - 6 * Math.floor((n + h) / 6);
    return v - c * clamp01(Math.min(k, 4 - k));
  };
  return [channel(5), channel(3), channel(1)];
}

function resize(image: Planes, op: PixelOp & { op: 'resize' }): Planes {
  const { box, to, window, filter } = op;
  const columns = axisWeights(box.width, to.width, window.left, window.width, filter, op.flip);
  const rows = axisWeights(box.height, to.height, window.top, window.height, filter);
  const out = emptyPlanes(window.width, window.height);
  const line = new Float32Array(box.width);
  channels(image).forEach((plane, c) => {
    const target = channels(out)[c]!;
    for (let y = 0; y < out.height; y++) {
      line.fill(0);
      for (let t = 0; t < rows.spans[2 * y + 1]!; t++) {
        const w = rows.weights[y * rows.taps + t]!;
        const from = (box.top + rows.spans[2 * y]! + t) * image.width + box.left;
        for (let x = 0; x < box.width; x++) line[x]! += plane[from + x]! * w;
      }
      for (let x = 0; x < out.width; x++) {
        let sum = 0;
        const first = columns.spans[2 * x]!;
        for (let t = 0; t < columns.spans[2 * x + 1]!; t++)
          sum += line[first + t]! * columns.weights[x * columns.taps + t]!;
        target[y * out.width + x] = filter === 'bicubic' ? clamp01(sum) : sum;
      }
    }
  });
  return out;
}

function blur(image: Planes, sigma: number, radius: number): Planes {
  const { width, height } = image;
  const weights = blurWeights(sigma, radius);
  const reflect = (i: number, n: number) => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i);
  const pass = (plane: Float32Array, at: (x: number, y: number, shift: number) => number) => {
    const out = new Float32Array(plane.length);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = plane[y * width + x]! * weights[0]!;
        for (let i = 1; i <= radius; i++) sum += (plane[at(x, y, -i)]! + plane[at(x, y, i)]!) * weights[i]!;
        out[y * width + x] = sum;
      }
    }
    return out;
  };
  const both = (plane: Float32Array) =>
    pass(
      pass(plane, (x, y, i) => y * width + reflect(x + i, width)),
      (x, y, i) => reflect(y + i, height) * width + x,
    );
  return { width, height, r: both(image.r), g: both(image.g), b: both(image.b) };
}

function normalize(image: Planes, { mean, std }: Normalization, out: Float32Array, offset: number): void {
  channels(image).forEach((plane, c) => {
    for (let i = 0; i < plane.length; i++) out[offset + 3 * i + c] = (plane[i]! - mean[c]!) / std[c]!;
  });
}
