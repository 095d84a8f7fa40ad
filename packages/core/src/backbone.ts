import type * as tf from '@tensorflow/tfjs-core';
import type { Module } from './module.js';
import type { JsonObject } from './options.js';

/** What an encoder gives for n images. */
export interface Features {
  /** Last feature map, [n, g, g, c]; for a ViT the patch tokens on their grid. */
  readonly map: tf.Tensor4D;
  /** Global feature, [n, c]: spatial mean of the map (ResNet); CLS token or mean of patch tokens (ViT). */
  readonly pooled: tf.Tensor2D;
}

/** An encoder without weights. Your own: give `specs` and `apply`, and state stride and channels truthfully. */
export interface Backbone extends Module<tf.Tensor4D, Features> {
  readonly name: string;
  /** Resolved options; stored with the run. */
  readonly options: JsonObject;
  /** c, of map and pooled feature. */
  readonly channels: number;
  /** Input pixels per cell of the map along one side. */
  readonly stride: number;
  /** Cells g along one side of the map for an input of `side` pixels. @throws SslError `BAD_OPTION` if the side does not fit. */
  grid(side: number): number;
}
