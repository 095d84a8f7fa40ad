import { SslError } from '@contrastive/core';
import { KERNEL_BASE64 } from './kernel.generated.js';
import type { Normalization, PixelOp, ViewKernel } from './pixel-op.js';
import { axisWeights, blurWeights, checkOp, checkRoom, checkSource } from './resample.js';

/** Exports of assembly/kernel.ts. */
interface KernelExports {
  readonly memory: WebAssembly.Memory;
  load(source: number, pixels: number, planes: number, plane: number): void;
  resizeBytes(...a: readonly number[]): void;
  resizePlanes(...a: readonly number[]): void;
  clamp(planes: number, plane: number): void;
  brightness(planes: number, plane: number, factor: number): void;
  contrast(planes: number, plane: number, pixels: number, factor: number): void;
  saturation(planes: number, plane: number, factor: number): void;
  hue(planes: number, plane: number, shift: number): void;
  grayscale(planes: number, plane: number): void;
  solarize(planes: number, plane: number, threshold: number): void;
  blur(...a: readonly number[]): void;
  normalize(planes: number, plane: number, pixels: number, constants: number, out: number): void;
}

/** First free byte: the module has no data of its own above this address. */
const HEAP = 4096;
const PAGE = 65536;
/** Room behind every buffer for loops that run over the end. */
const SLACK = 64;

const align = (n: number): number => Math.ceil(n / 16) * 16;
/** Bytes of one plane: the pixels and at least 16 bytes of slack. */
const planeBytes = (pixels: number): number => align(pixels * 4 + 16);

/**
 * The WebAssembly SIMD kernel: the whole chain of a view, four pixels at a time.
 *
 * @throws SslError `DATA` where WebAssembly SIMD is not supported (use `createJsKernel` there).
 */
export async function createWasmKernel(): Promise<ViewKernel> {
  const bytes = Uint8Array.from(atob(KERNEL_BASE64), (c) => c.charCodeAt(0));
  try {
    const { instance } = await WebAssembly.instantiate(bytes, {});
    return new WasmKernel(instance.exports as unknown as KernelExports);
  } catch (cause) {
    throw new SslError('DATA', 'The augmentation kernel could not be loaded: WebAssembly SIMD is not supported here.', {
      hint: 'Use createJsKernel().',
      cause,
    });
  }
}

/** A working image: planes at `at`, or still the source bytes if `at` is undefined. */
interface Working {
  at: number | undefined;
  width: number;
  height: number;
}

class WasmKernel implements ViewKernel {
  readonly #kernel: KernelExports;
  #bytes: Uint8Array;
  #floats: Float32Array;
  #ints: Int32Array;
  #width = 0;
  #height = 0;
  /** Start of the region behind the source; carved anew for every view. */
  #free = HEAP;
  #top = HEAP;

  constructor(kernel: KernelExports) {
    this.#kernel = kernel;
    this.#bytes = new Uint8Array(kernel.memory.buffer);
    this.#floats = new Float32Array(kernel.memory.buffer);
    this.#ints = new Int32Array(kernel.memory.buffer);
  }

  setSource(rgb: Uint8Array, width: number, height: number): void {
    checkSource(rgb, width, height);
    this.#top = HEAP;
    this.#reserve(rgb.length);
    this.#free = this.#top;
    this.#bytes.set(rgb, HEAP);
    this.#width = width;
    this.#height = height;
  }

  render(ops: readonly PixelOp[], normalization: Normalization, out: Float32Array, offset = 0) {
    if (this.#width === 0) throw new SslError('DATA', 'render: no image was given; call setSource first.');
    this.#top = this.#free;
    const image: Working = { at: undefined, width: this.#width, height: this.#height };
    for (const op of ops) {
      checkOp(op, image.width, image.height);
      if (op.op === 'resize') this.#resize(image, op);
      else this.#apply(this.#planes(image), image, op);
    }
    const pixels = image.width * image.height;
    checkRoom(out, offset, pixels);
    this.#normalize(this.#planes(image), pixels, normalization, out, offset);
    return { width: image.width, height: image.height };
  }

  /** `size` bytes of fresh memory, grown when needed. */
  #reserve(size: number): number {
    const at = this.#top;
    this.#top = align(at + size + SLACK);
    const missing = this.#top - this.#bytes.byteLength;
    if (missing > 0) {
      const { memory } = this.#kernel;
      memory.grow(Math.ceil(missing / PAGE));
      this.#bytes = new Uint8Array(memory.buffer);
      this.#floats = new Float32Array(memory.buffer);
      this.#ints = new Int32Array(memory.buffer);
    }
    return at;
  }

  #reserveFloats(values: Float32Array | Float64Array): number {
    const at = this.#reserve(values.length * 4);
    this.#floats.set(values, at >> 2);
    return at;
  }

  /** (first, count) pairs, followed by three empty ones: rows are computed four pixels at a time. */
  #reserveSpans(spans: Int32Array): number {
    const at = this.#reserve(spans.byteLength + 24);
    this.#ints.set(spans, at >> 2);
    this.#ints.fill(0, (at >> 2) + spans.length, (at >> 2) + spans.length + 6);
    return at;
  }

  #planes(image: Working): number {
    if (image.at === undefined) {
      const pixels = image.width * image.height;
      image.at = this.#reserve(3 * planeBytes(pixels));
      this.#kernel.load(HEAP, pixels, image.at, planeBytes(pixels));
    }
    return image.at;
  }

  #resize(image: Working, op: PixelOp & { op: 'resize' }): void {
    const { box, to, window, filter } = op;
    const fromBytes = image.at === undefined;
    const columns = axisWeights(box.width, to.width, window.left, window.width, filter, op.flip);
    const rows = axisWeights(box.height, to.height, window.top, window.height, filter, false, fromBytes ? 1 / 255 : 1);
    const plane = planeBytes(window.width * window.height);
    const out = this.#reserve(3 * plane);
    const rowSpans = this.#reserveSpans(rows.spans);
    const rowWeights = this.#reserveFloats(rows.weights);
    const spans = this.#reserveSpans(columns.spans);
    const weights = this.#reserveFloats(columns.weights);
    const line = this.#reserve((box.width + 8) * 12);
    const first = box.top * image.width + box.left;
    const { width, height } = window;
    const tables = [rowSpans, rowWeights, rows.taps, spans, weights, columns.taps, line, out, plane];
    if (fromBytes) {
      this.#kernel.resizeBytes(HEAP + first * 3, image.width * 3, box.width, width, height, ...tables);
    } else {
      const sourcePlane = planeBytes(image.width * image.height);
      const from = image.at! + first * 4;
      this.#kernel.resizePlanes(from, sourcePlane, image.width * 4, box.width, width, height, ...tables);
    }
    if (filter === 'bicubic') this.#kernel.clamp(out, plane);
    Object.assign(image, { at: out, width, height });
  }

  #apply(at: number, image: Working, op: Exclude<PixelOp, { op: 'resize' }>): void {
    const kernel = this.#kernel;
    const pixels = image.width * image.height;
    const plane = planeBytes(pixels);
    switch (op.op) {
      case 'brightness':
        kernel.brightness(at, plane, op.factor);
        break;
      case 'contrast':
        kernel.contrast(at, plane, pixels, op.factor);
        break;
      case 'saturation':
        kernel.saturation(at, plane, op.factor);
        break;
      case 'hue':
        kernel.hue(at, plane, op.shift);
        break;
      case 'grayscale':
        kernel.grayscale(at, plane);
        break;
      case 'solarize':
        kernel.solarize(at, plane, op.threshold);
        break;
      case 'blur': {
        const weights = this.#reserveFloats(blurWeights(op.sigma, op.radius));
        const scratch = this.#reserve(3 * plane);
        const line = this.#reserve((image.width + 2 * op.radius) * 4);
        kernel.blur(at, plane, image.width, image.height, weights, op.radius, scratch, line);
        break;
      }
    }
  }

  #normalize(at: number, pixels: number, { mean, std }: Normalization, out: Float32Array, offset: number): void {
    const scales = std.map((s) => 1 / s);
    const constants = this.#reserveFloats(Float32Array.from([...scales, ...mean.map((m, c) => -m * scales[c]!)]));
    const result = this.#reserve(align(pixels * 12 + 48));
    this.#kernel.normalize(at, planeBytes(pixels), pixels, constants, result);
    out.set(this.#floats.subarray(result >> 2, (result >> 2) + pixels * 3), offset);
  }
}
