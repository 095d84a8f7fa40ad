import type { ResizeFilter } from '@contrastive/core';

/** A rectangle in whole pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * One operation with every random choice made: what `drawView` gives and a kernel carries out. Values are in [0, 1]; each
 * colour operation clamps. Arithmetic as torchvision's on float tensors (luminance .2989 R + .587 G + .114 B).
 */
export type PixelOp =
  /**
   * Antialiased resize of `box` to `to` (half-pixel centres, the filter's support grows when shrinking; pixels outside the box are
   * not seen), of which only `window` is computed, mirrored if `flip`. Bicubic (a = −0.5) clamps.
   */
  | {
      readonly op: 'resize';
      readonly box: Box;
      readonly to: { readonly width: number; readonly height: number };
      readonly window: Box;
      readonly filter: ResizeFilter;
      readonly flip: boolean;
    }
  /** x · factor */
  | { readonly op: 'brightness'; readonly factor: number }
  /** x · factor + (1 − factor) · mean luminance of the image */
  | { readonly op: 'contrast'; readonly factor: number }
  /** x · factor + (1 − factor) · the pixel's luminance */
  | { readonly op: 'saturation'; readonly factor: number }
  /** HSV hue turned by `shift` turns */
  | { readonly op: 'hue'; readonly shift: number }
  | { readonly op: 'grayscale' }
  /** Gaussian of `sigma` pixels cut at `radius` pixels and renormalised; borders reflected. The radius is less than the shorter side. */
  | { readonly op: 'blur'; readonly sigma: number; readonly radius: number }
  /** v ≥ threshold → 1 − v */
  | { readonly op: 'solarize'; readonly threshold: number };

/** (v − mean) / std per channel. */
export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Carries out pixel operations on one decoded image at a time. Not thread-safe; one kernel per thread. */
export interface ViewKernel {
  /** Takes (copies) the next image: interleaved RGB bytes. Several views may be rendered from it. */
  setSource(rgb: Uint8Array, width: number, height: number): void;
  /**
   * Applies `ops` in order to the source, normalises, and writes the view as interleaved floats [height, width, 3] to
   * `out` from index `offset` on. @returns the view's size.
   * @throws SslError `DATA` if a box lies outside the image or `out` is too short.
   */
  render(
    ops: readonly PixelOp[],
    normalization: Normalization,
    out: Float32Array,
    offset?: number,
  ): { readonly width: number; readonly height: number };
}
