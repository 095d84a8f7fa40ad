import * as tf from '@tensorflow/tfjs-core';

/** Unit vectors in the plane from angles in degrees, [n, 2]. */
export const circle = (...degrees: readonly number[]): tf.Tensor2D =>
  tf.tensor2d(degrees.map((a) => [Math.cos((a * Math.PI) / 180), Math.sin((a * Math.PI) / 180)]));
