import { SslError, type Tensors, type ViewMaker, type ViewPlan } from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';
import { checkRecipe } from '../draw.js';
import { renderViews } from './render.js';
import { SOURCE } from './source.js';
import { drawWidth } from './stages.js';

/** The options of `deviceViews`. */
export interface DeviceViewsOptions {
  /** Images in a batch. */
  readonly batch: number;
  /** Side of the views, pixels. */
  readonly side: number;
  /** Size of the tensor that holds the images: the largest width and height of the data set, pixels. */
  readonly width: number;
  readonly height: number;
}

/**
 * Views made by the device inside the step, from the images as they are and the numbers that each view drew. A loader with
 * `device: { width, height }` gives both: `new Trainer({ …, viewMaker: (plan) => deviceViews(plan, { batch, side, width, height }) })`.
 *
 * @throws SslError `BAD_OPTION` for recipes that the loader would refuse, or a view called `source`.
 */
export function deviceViews(plan: ViewPlan, { batch, side, width, height }: DeviceViewsOptions): ViewMaker {
  if (SOURCE in plan) throw new SslError('BAD_OPTION', `deviceViews: no view can be called ${SOURCE}.`);
  const views = Object.entries(plan);
  for (const [, recipe] of views) checkRecipe(recipe, side);
  return {
    shapes: {
      [SOURCE]: [batch, height, width, 3],
      ...Object.fromEntries(views.map(([view, recipe]) => [view, [batch, drawWidth(recipe)]])),
    },
    render: (given: Tensors) => {
      const source = given[SOURCE] as tf.Tensor4D;
      return Object.fromEntries(
        views.map(([view, recipe]) => [view, renderViews(source, given[view] as tf.Tensor2D, recipe, side)]),
      );
    },
  };
}
