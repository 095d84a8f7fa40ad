import type { ViewPlan } from '@contrastive/core';
import { drawView } from '../draw.js';
import type { ViewKernel } from '../kernel/pixel-op.js';
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
}

/** Floats of one batch of views, all views together. */
export const slotFloats = ({ plan, side, batch }: RenderSettings): number =>
  Object.keys(plan).length * batch * side * side * 3;

/** Where a view's images lie in a slot: view after view, image after image. */
export const viewOffset = ({ side, batch }: RenderSettings, view: number, position: number): number =>
  (view * batch + position) * side * side * 3;

/** Makes all views of one image and writes them to their place in a slot. What it writes depends on (settings, epoch, id) only. */
export class Renderer {
  readonly #settings: RenderSettings;
  readonly #kernel: ViewKernel;
  #epoch = -1;
  #streams: SampleStream[] = [];

  constructor(settings: RenderSettings, kernel: ViewKernel) {
    this.#settings = settings;
    this.#kernel = kernel;
  }

  render(image: RgbImage, epoch: number, id: number, slot: Float32Array, position: number): void {
    const { plan, seed, side } = this.#settings;
    if (epoch !== this.#epoch) {
      this.#streams = Object.keys(plan).map((view) => new SampleStream(viewKey(seed, epoch, view)));
      this.#epoch = epoch;
    }
    const { width, height } = image;
    this.#kernel.setSource(image.data, width, height);
    Object.values(plan).forEach((recipe, view) => {
      const stream = this.#streams[view]!.at(id);
      const ops = drawView(recipe, width, height, side, () => stream.next());
      this.#kernel.render(ops, recipe, slot, viewOffset(this.#settings, view, position));
    });
  }
}

/** Image `id` of shared pixels, without a copy. */
export function sharedImage(pixels: SharedPixels, id: number): RgbImage {
  const [width, height] = [pixels.widths[id]!, pixels.heights[id]!];
  return { data: new Uint8Array(pixels.bytes, pixels.offsets[id]!, width * height * 3), width, height };
}
