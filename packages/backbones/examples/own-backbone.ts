import { type Backbone, batchNorm, conv2d, globalAveragePool, kaimingNormal, prefixed, relu } from '@contrastive/core';

/**
 * A backbone of your own: three strided convolutions. All a backbone needs is the weights it wants (`specs`), a pure function from
 * images [n, S, S, 3] to a map and a pooled feature (`apply`), and the truth about its channels and stride. Build it from core's modules,
 * as here, or from any tfjs operations.
 */
export function smallConvNet(width = 32): Backbone {
  const layers = [1, 2, 4].map((factor, i) => {
    const inputs = i === 0 ? 3 : (width * factor) / 2;
    return {
      kernel: `conv${i}/kernel`,
      shape: [3, 3, inputs, width * factor],
      norm: prefixed(`bn${i}`, batchNorm(width * factor)),
    };
  });
  return {
    name: 'smallConvNet',
    options: { width },
    channels: 4 * width,
    stride: 8,
    grid: (side) => Math.ceil(side / 8),
    specs: Object.assign(
      {},
      ...layers.map(({ kernel, shape, norm }) => ({
        [kernel]: { shape, role: 'kernel', init: kaimingNormal('fanOut') },
        ...norm.specs,
      })),
    ),
    apply: (weights, images, pass) => {
      const map = layers.reduce((x, { kernel, norm }) => {
        const convolved = conv2d(x, weights[kernel]!, { stride: 2, padding: 1 });
        return relu(norm.apply(weights, convolved, pass));
      }, images);
      return { map, pooled: globalAveragePool(map) };
    },
  };
}
