import * as tf from '@tensorflow/tfjs-core';

type Pad = 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
type Stride = [number, number] | number;

interface ConvAttrs {
  readonly strides: Stride;
  readonly pad: Pad;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

const convInfo = (x: readonly number[], filter: readonly number[], { strides, pad, dimRoundingMode }: ConvAttrs) =>
  tf.backend_util.computeConv2DInfo(
    x as [number, number, number, number],
    filter as [number, number, number, number],
    strides,
    1,
    pad,
    dimRoundingMode,
  );

/**
 * Gradient of a convolution with respect to its kernel, as a convolution: images become channels, `dy` becomes the kernel and
 * the stride its dilation.
 *
 * @param x [N, H, W, C]. @param dy [N, h, w, K]. @param filterShape [a, b, C, K]. @returns [a, b, C, K].
 */
export function convBackpropFilter(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  filterShape: readonly number[],
  attrs: ConvAttrs,
): tf.Tensor4D {
  const info = convInfo(x.shape, filterShape, attrs);
  const { top, bottom, left, right } = info.padInfo;
  const images = tf.transpose(padOrCrop(x, [top, bottom], [left, right]), [3, 1, 2, 0]);
  const kernel = tf.transpose(dy, [1, 2, 0, 3]);
  const sums = tf.conv2d(images, kernel, 1, 'valid', 'NHWC', [info.strideHeight, info.strideWidth]);
  // A stride that does not divide the image leaves rows that no window covered.
  const [height, width] = [info.filterHeight - sums.shape[1], info.filterWidth - sums.shape[2]];
  const wanted = padOrCrop(sums, [0, height], [0, width]);
  return tf.transpose(wanted, [1, 2, 0, 3]);
}

/**
 * Gradient of a convolution with respect to its input, as a convolution with the turned kernel over `dy` with zeros between its
 * values. The wasm backend's own kernel takes about six times as long.
 *
 * @param dy [N, h, w, K]. @param filter [a, b, C, K]. @returns `inputShape`, [N, H, W, C].
 */
export function convBackpropInput(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  inputShape: readonly number[],
  attrs: ConvAttrs,
): tf.Tensor4D {
  const info = convInfo(inputShape, filter.shape, attrs);
  const spread = spreadOut(dy, info.strideHeight, info.strideWidth);
  const top = info.filterHeight - 1 - info.padInfo.top;
  const left = info.filterWidth - 1 - info.padInfo.left;
  const bottom = info.inHeight + info.filterHeight - 1 - spread.shape[1] - top;
  const right = info.inWidth + info.filterWidth - 1 - spread.shape[2] - left;
  return tf.conv2d(padOrCrop(spread, [top, bottom], [left, right]), turned(filter), 1, 'valid');
}

/** The kernel turned by half a turn, with inputs and outputs exchanged. Taps are copied whole: `tf.reverse` goes value by value. */
function turned(filter: tf.Tensor4D): tf.Tensor4D {
  const [height, width, inputs, outputs] = filter.shape;
  const taps = height * width;
  const swapped = tf.transpose(tf.reshape(filter, [taps, inputs, outputs]), [0, 2, 1]);
  const backwards = taps === 1 ? swapped : tf.concat(tf.split(swapped, taps).reverse());
  return tf.reshape(backwards, [height, width, outputs, inputs]);
}

/** `stride − 1` zeros after each row and column but the last. */
function spreadOut(x: tf.Tensor4D, strideHeight: number, strideWidth: number): tf.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return x;
  const [n, h, w, c] = x.shape;
  const columns = tf.reshape(tf.pad(tf.reshape(x, [n * h * w, 1, c]), [[0, 0], [0, strideWidth - 1], [0, 0]]), [n * h, 1, w * strideWidth * c]); // biome-ignore format: one line a direction
  const rows = tf.pad(columns, [[0, 0], [0, strideHeight - 1], [0, 0]]); // biome-ignore format: one line a direction
  const full = tf.reshape(rows, [n, h * strideHeight, w * strideWidth, c]);
  return tf.slice(full, [0, 0, 0, 0], [n, (h - 1) * strideHeight + 1, (w - 1) * strideWidth + 1, c]) as tf.Tensor4D;
}

/** Zeros around the image; negative widths cut off. What is not needed is not done: each copies the whole. */
function padOrCrop(x: tf.Tensor4D, height: readonly [number, number], width: readonly [number, number]): tf.Tensor4D {
  const edges = [...height, ...width];
  const positive = (edge: readonly [number, number]): [number, number] => [Math.max(edge[0], 0), Math.max(edge[1], 0)];
  const padded = edges.some((n) => n > 0) ? tf.pad(x, [[0, 0], positive(height), positive(width), [0, 0]]) : x;
  if (edges.every((n) => n >= 0)) return padded;
  const start = [0, Math.max(-height[0], 0), Math.max(-width[0], 0), 0];
  const sizes = [x.shape[0], x.shape[1] + height[0] + height[1], x.shape[2] + width[0] + width[1], x.shape[3]];
  return tf.slice(padded, start, sizes) as tf.Tensor4D;
}

/** Sums of the rows of each segment (the gradient of `tf.gather`), as a product with one-hot rows. */
export function unsortedSegmentSum(x: tf.Tensor, segmentIds: tf.Tensor1D, numSegments: number): tf.Tensor {
  const rows = tf.reshape(tf.cast(x, 'float32'), [segmentIds.size, -1]) as tf.Tensor2D;
  // The wasm kernel writes integers whatever type is asked for.
  const owners = tf.cast(tf.oneHot(segmentIds, numSegments), 'float32') as tf.Tensor2D;
  const sums = tf.matMul(owners, rows, true);
  return tf.cast(tf.reshape(sums, [numSegments, ...x.shape.slice(segmentIds.rank)]), x.dtype);
}

type Compute = (inputs: Record<string, tf.Tensor>, attrs: Record<string, unknown>) => tf.Tensor;

const KERNELS: Readonly<Record<string, Compute>> = {
  Conv2DBackpropFilter: ({ x, dy }, attrs) =>
    convBackpropFilter(
      x as tf.Tensor4D,
      dy as tf.Tensor4D,
      attrs.filterShape as number[],
      attrs as unknown as ConvAttrs,
    ),
  Conv2DBackpropInput: ({ dy, filter }, attrs) =>
    convBackpropInput(
      dy as tf.Tensor4D,
      filter as tf.Tensor4D,
      attrs.inputShape as number[],
      attrs as unknown as ConvAttrs,
    ),
  UnsortedSegmentSum: ({ x, segmentIds }, attrs) =>
    unsortedSegmentSum(x!, segmentIds as tf.Tensor1D, attrs.numSegments as number),
};

/**
 * The wasm backend's gradient of max pooling takes no maximum below zero for one. Shifting all values above zero moves no
 * maximum.
 */
function shiftedMaxPoolGrad(original: tf.KernelFunc): tf.KernelFunc {
  return ({ inputs, attrs, backend }) => {
    const { dy, input, output } = inputs as Record<string, tf.Tensor>;
    return tf.tidy(() => {
      const shift = tf.sub(1, tf.min(input!));
      const shifted = { dy: dy!, input: tf.add(input!, shift), output: tf.add(output!, shift) };
      return original({ inputs: shifted, backend, ...(attrs && { attrs }) }) as tf.Tensor;
    });
  };
}

/** Registers what tfjs's wasm backend lacks, or does wrong, for training a convolutional network. Once is enough. */
export function registerWasmKernels(): void {
  if (tf.getKernel('UnsortedSegmentSum', BACKEND) !== undefined) return;
  replaceKernel('MaxPoolGrad', shiftedMaxPoolGrad(tf.getKernel('MaxPoolGrad', BACKEND).kernelFunc));
  for (const [kernelName, compute] of Object.entries(KERNELS)) {
    replaceKernel(kernelName, ({ inputs, attrs }) =>
      tf.tidy(() => compute(inputs as Record<string, tf.Tensor>, (attrs ?? {}) as Record<string, unknown>)),
    );
  }
}

const BACKEND = 'wasm';

function replaceKernel(kernelName: string, kernelFunc: tf.KernelFunc): void {
  if (tf.getKernel(kernelName, BACKEND) !== undefined) tf.unregisterKernel(kernelName, BACKEND);
  tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
}
