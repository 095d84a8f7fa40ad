import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from './kernels.js';

const pad = (x: tf.Tensor4D, p: number, value: number): tf.Tensor4D =>
  p === 0
    ? x
    : tf.pad(
        x,
        [
          [0, 0],
          [p, p],
          [p, p],
          [0, 0],
        ],
        value,
      );

/**
 * Convolution with PyTorch's padding: `padding` rows and columns of zeros on *every* side. TensorFlow's `same` pads the far side
 * more when the stride is 2, which shifts the image; it is used only where both agree.
 *
 * @param x [n, h, w, in]. @param kernel [kh, kw, in, out], kh = kw. @returns [n, h', w', out], h' = ⌊(h + 2p − k) / stride⌋ + 1.
 */
export function conv2d(x: tf.Tensor4D, kernel: tf.Tensor, { stride = 1, padding = 0 } = {}): tf.Tensor4D {
  const filter = kernel as tf.Tensor4D;
  // A strided 1×1 kernel reads every stride-th cell only. Taking those first makes it a matrix product; TensorFlow 2.21's own gradient of
  // such a kernel writes out of bounds for some shapes (3 images, 16 × 16 cells, 8 to 16 channels).
  if (stride > 1 && filter.shape[0] === 1 && padding === 0) return conv2d(tf.avgPool(x, 1, stride, 'valid'), filter);
  if (stride === 1 && padding > 0 && 2 * padding === filter.shape[0] - 1) return tf.conv2d(x, filter, 1, 'same');
  return tf.conv2d(pad(x, padding, 0), filter, stride, 'valid');
}

const LOWEST = -3.4028234663852886e38; // of float32: never the maximum of a window

/**
 * Maximum over windows with PyTorch's padding (never chosen, whatever the sign of x). Defaults are the ResNet stem's: 3×3, stride 2, padding 1.
 *
 * @param x [n, h, w, c]. @returns [n, h', w', c], h' as in {@link conv2d}.
 */
export const maxPool = (x: tf.Tensor4D, { size = 3, stride = 2, padding = 1 } = {}): tf.Tensor4D =>
  tf.maxPool(pad(x, padding, LOWEST), size, stride, 'valid');

/** Mean over all cells: [n, h, w, c] → [n, c]. */
export const globalAveragePool = (x: tf.Tensor4D): tf.Tensor2D =>
  withGradient([x], ([input]) => {
    const [n, h, w, c] = x.shape;
    const spread = (dy: tf.Tensor) => tf.tile(tf.reshape(tf.div(dy, h * w), [n, 1, 1, c]), [1, h, w, 1]);
    return { value: tf.mean(input!, [1, 2]), gradients: (dy) => [spread(dy)] };
  }) as tf.Tensor2D;
