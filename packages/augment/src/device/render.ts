import type { ViewRecipe } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { blend, type Planes, solarize, turnHue } from './colour.js';
import { blurMatrix, resizeMatrix } from './matrices.js';
import { type Stage, stagesOf } from './stages.js';

/** A batch under way. Before the crop, images may be smaller than the tensor that holds them. */
interface Working {
  readonly planes: Planes;
  /** 1 for the pixels of an image, [n, 1, h, w]; undefined once all images fill the tensor. */
  readonly inside: tf.Tensor | undefined;
  /** Height and width of the images, [n, 1, 1] each. */
  readonly size: readonly [tf.Tensor, tf.Tensor];
}

/**
 * Views of a batch by tensor operations of fixed shape, so that they can be part of a recorded step: the arithmetic of the CPU kernels,
 * with each image's own choices.
 *
 * @param source [n, H, W, 3], byte values as floats; smaller images lie in the upper left corner. @param draws [n, `drawWidth(recipe)`],
 * written by `packer(recipe)`. @returns [n, side, side, 3], normalised.
 */
export function renderViews(source: tf.Tensor4D, draws: tf.Tensor2D, recipe: ViewRecipe, side: number): tf.Tensor4D {
  return tf.tidy(() => {
    let image = load(source, draws);
    for (const stage of stagesOf(recipe).flat()) image = apply(image, stage, draws, side);
    const constants = (values: readonly number[]) => tf.tensor4d([...values], [1, 1, 1, 3]);
    const pixels = tf.transpose(image.planes, [0, 2, 3, 1]);
    return tf.div(tf.sub(pixels, constants(recipe.mean)), constants(recipe.std));
  });
}

function load(source: tf.Tensor4D, draws: tf.Tensor2D): Working {
  const [, height, width] = source.shape;
  const planes = tf.div(tf.transpose(source, [0, 3, 1, 2]), 255) as Planes;
  const sizeOf = (axis: number) => tf.reshape(tf.slice(draws, [0, axis], [-1, 1]), [-1, 1, 1]);
  const size = [sizeOf(0), sizeOf(1)] as const;
  const before = (n: number, shape: number[], end: tf.Tensor) =>
    tf.cast(
      tf.less(
        tf.tensor(
          Float32Array.from({ length: n }, (_, i) => i),
          shape,
        ),
        end,
      ),
      'float32',
    );
  const inside = tf.mul(before(height, [1, height, 1], size[0]), before(width, [1, 1, width], size[1]));
  return { planes, size, inside: tf.expandDims(inside, 1) };
}

function apply(image: Working, stage: Stage, draws: tf.Tensor2D, side: number): Working {
  const { planes, inside, size } = image;
  switch (stage.kind) {
    case 'crop': {
      const [, , height, width] = planes.shape;
      const rows = resizeMatrix(draws, stage.at, side, height, stage.filter);
      const columns = resizeMatrix(draws, stage.at + 4, side, width, stage.filter);
      const cropped = alongBoth(planes, rows, columns);
      const full = tf.fill([planes.shape[0], 1, 1], side);
      const clamped = stage.filter === 'bicubic' ? (tf.clipByValue(cropped, 0, 1) as Planes) : cropped;
      return { planes: clamped, inside: undefined, size: [full, full] };
    }
    case 'blend':
      return { ...image, planes: blend(planes, draws, stage.at, inside) };
    case 'hue':
      return { ...image, planes: turnHue(planes, draws, stage.at) };
    case 'solarize':
      return { ...image, planes: solarize(planes, draws, stage.at) };
    case 'blur': {
      const [, , height, width] = planes.shape;
      const [rows, columns] = [height, width].map((n, axis) => blurMatrix(draws, stage.at, n, size[axis]!));
      return { ...image, planes: alongBoth(planes, rows!, columns!) };
    }
  }
}

/** rows · plane · columnsᵀ for every plane. @param rows [n, p, h]. @param columns [n, q, w]. @returns [n, 3, p, q]. */
function alongBoth(planes: Planes, rows: tf.Tensor3D, columns: tf.Tensor3D): Planes {
  const [n, , height, width] = planes.shape;
  const [p, q] = [rows.shape[1], columns.shape[1]];
  const wide = tf.matMul(tf.reshape(planes, [n, 3 * height, width]), columns, false, true);
  const upright = tf.reshape(tf.transpose(tf.reshape(wide, [n, 3, height, q]), [0, 1, 3, 2]), [n, 3 * q, height]);
  const both = tf.reshape(tf.matMul(upright, rows, false, true), [n, 3, q, p]);
  return tf.transpose(both, [0, 1, 3, 2]) as Planes;
}
