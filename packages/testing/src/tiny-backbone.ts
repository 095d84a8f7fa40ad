import type { Backbone, Initializer } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Normal values with a standard deviation of √(2 / fan-in). */
const scaledNormal: Initializer = (shape, rng) => {
  const fanIn = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const size = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: size }, () => rng.normal() * Math.sqrt(2 / fanIn));
};

/**
 * A real encoder small enough for tests that run in milliseconds: one strided convolution, tanh, spatial mean. No batch norm, so that
 * an image's features depend on that image alone.
 *
 * @param options.channels c. Default 6. @param options.stride input pixels per cell. Default 4.
 */
export function tinyBackbone({ channels = 6, stride = 4 } = {}): Backbone {
  return {
    name: 'tiny',
    options: { channels, stride },
    channels,
    stride,
    grid: (side) => Math.ceil(side / stride),
    specs: {
      'conv/kernel': { shape: [3, 3, 3, channels], role: 'kernel', init: scaledNormal },
      'conv/bias': { shape: [channels], role: 'bias', init: (shape) => new Float32Array(shape[0]!) },
    },
    apply: (weights, images) => {
      const convolved = tf.conv2d(images, weights['conv/kernel'] as tf.Tensor4D, stride, 'same');
      const map = tf.tanh(tf.add(convolved, weights['conv/bias']!)) as tf.Tensor4D;
      return { map, pooled: tf.mean(map, [1, 2]) as tf.Tensor2D };
    },
  };
}
