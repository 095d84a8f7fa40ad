import type * as tf from '@tensorflow/tfjs-core';
import type { ViewName, ViewPlan } from './recipe.js';
import type { StepFunction, Tensors } from './runtime.js';

/** Makes the views inside the step, from what a batch holds in their place. `@contrastive/augment/device` has one. */
export interface ViewMaker {
  /** Names and shapes of what a batch must hold as its `images`. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Part of the step: recordable. @returns every view of the plan, [n, S, S, 3], normalised. */
  render(given: Tensors): Readonly<Record<ViewName, tf.Tensor4D>>;
}

/** Makes a run's view maker, once its views are known. */
export type ViewMakerFactory = (plan: ViewPlan) => ViewMaker;

/** The step with its views made from the inputs that the maker asks for. */
export function withViewMaker(maker: ViewMaker | undefined, step: StepFunction): StepFunction {
  if (maker === undefined) return step;
  const names = Object.keys(maker.shapes);
  return (inputs) => {
    const views = maker.render(Object.fromEntries(names.map((name) => [name, inputs[`images/${name}`]!])));
    const others = Object.entries(inputs).filter(([name]) => !name.startsWith('images/'));
    return step({
      ...Object.fromEntries(others),
      ...Object.fromEntries(Object.entries(views).map(([view, images]) => [`images/${view}`, images])),
    });
  };
}
