import { seededTensor } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import type { Rows } from './branches.js';

/** Unit rows at angles in degrees, [n, 2]. */
export const atAngles = (...degrees: readonly number[]): tf.Tensor2D =>
  tf.tensor2d(degrees.map((a) => [Math.cos((a * Math.PI) / 180), Math.sin((a * Math.PI) / 180)]));

/** Spec "snclr", worked example A: τ 0.2, K 3. */
export const exampleBank = () => atAngles(-30, 15, 40, 75, 120, 200);
export const exampleRows = (): Rows => ({
  ...{ z1: atAngles(10, 100), y1: atAngles(20, 80), k2: atAngles(0, 90) },
  ...{ z2: atAngles(5, 95), y2: atAngles(-10, 110), k1: atAngles(30, 70) },
});

/** Random raw rows. */
export const randomRows = (seed: number, n = 4, d = 5): Rows =>
  Object.fromEntries(
    (['y1', 'y2', 'z1', 'z2', 'k1', 'k2'] as const).map((name, i) => [
      name,
      seededTensor<tf.Rank.R2>([n, d], seed + i),
    ]),
  ) as unknown as Rows;
