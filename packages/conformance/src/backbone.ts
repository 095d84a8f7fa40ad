import { type Backbone, batchNorm, type Initializer, prefixed, relu } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

const fanInNormal: Initializer = (shape, rng) => {
  const fanIn = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: fanIn * shape.at(-1)! }, () => rng.normal() * Math.sqrt(2 / fanIn));
};

const [CHANNELS, STRIDE] = [6, 4];
/**
 * The smallest encoder with everything that can go wrong in one: a strided convolution, batch norm with running statistics, ReLU.
 * 6 channels, 4 pixels a cell.
 *
 * @param options.splits sub-batches of its batch norm. Default 1.
 */
export function smallBackbone({ splits = 1 }: { readonly splits?: number } = {}): Backbone {
  const norm = prefixed('norm', batchNorm(CHANNELS, { splits }));
  return {
    name: 'small',
    options: splits === 1 ? {} : { splits },
    channels: CHANNELS,
    stride: STRIDE,
    grid: (side) => Math.ceil(side / STRIDE),
    specs: { 'conv/kernel': { shape: [3, 3, 3, CHANNELS], role: 'kernel', init: fanInNormal }, ...norm.specs },
    apply: (weights, images, pass) => {
      const convolved = tf.conv2d(images, weights['conv/kernel'] as tf.Tensor4D, STRIDE, 'same');
      const map = relu(norm.apply(weights, convolved, pass));
      return { map, pooled: tf.mean(map, [1, 2]) as tf.Tensor2D };
    },
  };
}
