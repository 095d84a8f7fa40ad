import type * as tf from '@tensorflow/tfjs-core';
import type { WeightSpec, Weights } from '../module.js';
import type { JsonObject } from '../options.js';

/** A trained weight: its path (`online/backbone/…`), variable and spec. */
export interface Parameter {
  readonly path: string;
  readonly variable: tf.Variable;
  readonly spec: WeightSpec;
}

/** Learning rates of one step, as scalars that enter it. */
export interface LearningRates {
  /** Scheduled. */
  readonly scheduled: tf.Scalar;
  /** Base rate, for parameters whose spec says `constantLr`. */
  readonly base: tf.Scalar;
}

/** A rule that moves parameters. Its slots are variables of the run's one state tree, so that they are saved and resumed. */
export interface Optimizer {
  readonly name: string;
  /** Resolved options; stored with the run. */
  readonly options: JsonObject;
  /** Base learning rate, before scaling and schedule. */
  readonly learningRate: number;
  /** Allocates slots (velocity, moments, step counter) by name; zero-filled. */
  slots(parameters: readonly Parameter[]): Weights;
  /** Assigns new values to parameters and slots. `gradients[i]` belongs to `parameters[i]`. */
  update(parameters: readonly Parameter[], gradients: readonly tf.Tensor[], slots: Weights, rates: LearningRates): void;
}
