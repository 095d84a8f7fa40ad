import { SslError, type ViewPlan } from '@contrastive/core';
import { SOURCE } from '../device/source.js';
import { drawWidth, type PackDraws, packer } from '../device/stages.js';
import { drawSteps, drawView } from '../draw.js';
import type { ViewKernel } from '../kernel/pixel-op.js';
import { createWasmKernel } from '../kernel/wasm-kernel.js';
import { SampleStream, viewKey } from '../sample-stream.js';
import type { RgbImage, SharedPixels } from './source.js';

/** What all threads of a loader agree on. */
export interface RenderSettings {
  readonly plan: ViewPlan;
  /** Side of the views, pixels. */
  readonly side: number;
  /** Images per batch. */
  readonly batch: number;
  readonly seed: number;
  /** Size of the tensor that holds the images, if the views are left to the device. */
  readonly device?: { readonly width: number; readonly height: number } | undefined;
}

/** What a batch holds of each image under one name: `size` floats of this shape, image after image from `start` on. */
export interface SlotPart {
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
  readonly start: number;
}

/** How a batch lies in its slot: views; or, where the device makes these, images and the numbers that each view drew. */
export function slotParts({ plan, side, batch, device }: RenderSettings): readonly SlotPart[] {
  const views = Object.entries(plan);
  const shapes: readonly (readonly [string, readonly number[]])[] =
    device === undefined
      ? views.map(([view]) => [view, [side, side, 3]])
      : [[SOURCE, [device.height, device.width, 3]], ...views.map(([v, r]) => [v, [drawWidth(r)]] as const)];
  let next = 0;
  return shapes.map(([name, shape]) => {
    const [size, start] = [shape.reduce((a, b) => a * b, 1), next];
    next += size * batch;
    return { name, shape, size, start };
  });
}

/** Floats of a slot. */
export const slotFloats = (settings: RenderSettings): number =>
  slotParts(settings).reduce((sum, { size }) => sum + size * settings.batch, 0);

/** Writes an image's part of a batch to its place in a slot. What it writes depends on (settings, epoch, id) only. */
export interface Renderer {
  render(image: RgbImage, epoch: number, id: number, slot: Float32Array, position: number): void;
}

export async function createRenderer(settings: RenderSettings): Promise<Renderer> {
  return settings.device === undefined
    ? new ViewRenderer(settings, await createWasmKernel())
    : new DrawRenderer(settings, settings.device);
}

/** Uniform numbers of an image's views, one stream a view. */
class Streams {
  #epoch = -1;
  #streams: readonly SampleStream[] = [];

  constructor(readonly settings: RenderSettings) {}

  /** @param view number in the plan. */
  of(epoch: number, id: number, view: number): () => number {
    const { plan, seed } = this.settings;
    if (epoch !== this.#epoch) {
      this.#streams = Object.keys(plan).map((name) => new SampleStream(viewKey(seed, epoch, name)));
      this.#epoch = epoch;
    }
    const stream = this.#streams[view]!.at(id);
    return () => stream.next();
  }
}

/** Makes all views of an image. */
class ViewRenderer implements Renderer {
  readonly #streams: Streams;
  readonly #parts: readonly SlotPart[];

  constructor(
    readonly settings: RenderSettings,
    readonly kernel: ViewKernel,
  ) {
    this.#streams = new Streams(settings);
    this.#parts = slotParts(settings);
  }

  render({ data, width, height }: RgbImage, epoch: number, id: number, slot: Float32Array, position: number): void {
    const { plan, side } = this.settings;
    this.kernel.setSource(data, width, height);
    Object.values(plan).forEach((recipe, view) => {
      const ops = drawView(recipe, width, height, side, this.#streams.of(epoch, id, view));
      const { start, size } = this.#parts[view]!;
      this.kernel.render(ops, recipe, slot, start + position * size);
    });
  }
}

/** Copies the image and writes what its views drew: the device makes them. */
class DrawRenderer implements Renderer {
  readonly #streams: Streams;
  readonly #parts: readonly SlotPart[];
  readonly #packers: readonly PackDraws[];

  constructor(
    readonly settings: RenderSettings,
    readonly room: { readonly width: number; readonly height: number },
  ) {
    this.#streams = new Streams(settings);
    this.#parts = slotParts(settings);
    this.#packers = Object.values(settings.plan).map(packer);
  }

  render(image: RgbImage, epoch: number, id: number, slot: Float32Array, position: number): void {
    const { plan, side } = this.settings;
    const { width, height } = image;
    const [source, ...views] = this.#parts;
    this.#copy(image, slot.subarray(source!.start + position * source!.size).subarray(0, source!.size));
    Object.values(plan).forEach((recipe, view) => {
      const steps = drawSteps(recipe, width, height, side, this.#streams.of(epoch, id, view));
      const { start, size } = views[view]!;
      this.#packers[view]!(steps, image, slot, start + position * size);
    });
  }

  #copy({ data, width, height }: RgbImage, target: Float32Array): void {
    const { room } = this;
    if (width > room.width || height > room.height) {
      throw new SslError(
        'DATA',
        `An image of ${width}×${height} pixels does not fit into the device's ${room.width}×${room.height}.`,
      );
    }
    if (width === room.width) {
      target.set(data);
      target.fill(0, data.length);
      return;
    }
    target.fill(0);
    for (let y = 0; y < height; y++) {
      target.set(data.subarray(y * width * 3, (y + 1) * width * 3), y * room.width * 3);
    }
  }
}

/** Image `id` of shared pixels, without a copy. */
export function sharedImage(pixels: SharedPixels, id: number): RgbImage {
  const [width, height] = [pixels.widths[id]!, pixels.heights[id]!];
  return { data: new Uint8Array(pixels.bytes, pixels.offsets[id]!, width * height * 3), width, height };
}
