import type { Backbone } from '@contrastive/core';

/** A backbone that knows its own cost. */
export interface CountedBackbone extends Backbone {
  /**
   * Floating-point operations of one image's forward pass, two for each multiply-add: convolutions and matrix products only, as is
   * usual (norms, activations and pooling are left out). A training step costs about three times as much.
   *
   * @param side input pixels. @throws SslError `BAD_OPTION` if the side does not fit.
   */
  flops(side: number): number;
}

/** Cells along one side after a window of `size` moved by `stride` over a side padded by `padding` on both ends. */
export const outputSide = (side: number, size: number, stride: number, padding: number): number =>
  Math.floor((side + 2 * padding - size) / stride) + 1;
