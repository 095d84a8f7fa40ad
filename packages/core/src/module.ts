import * as tf from '@tensorflow/tfjs-core';
import type { Collective } from './collective.js';
import type { Rng } from './rng.js';

/**
 * What a weight is for: optimisers exclude `bias` and `norm` from decay and scaling where a recipe says so; a `statistic`
 * (running mean or variance of batch norm) has no gradient and takes no part in EMA.
 */
export type WeightRole = 'kernel' | 'bias' | 'norm' | 'statistic';

/** Initial values of a weight. Conv kernels are [kh, kw, in, out], dense kernels [in, out]. */
export type Initializer = (shape: readonly number[], rng: Rng) => Float32Array;

export interface WeightSpec {
  readonly shape: readonly number[];
  readonly role: WeightRole;
  readonly init: Initializer;
  /** No gradient, but copied and saved: MoCo v3's patch projection, a bias that the recipe freezes. Default false. */
  readonly frozen?: boolean;
  /** Keeps the base learning rate while the others are scheduled: SimSiam's predictor. Default false. */
  readonly constantLr?: boolean;
}
export type WeightSpecs = Readonly<Record<string, WeightSpec>>;

/** Weights by the names of the specs. */
export type Weights = Readonly<Record<string, tf.Variable>>;

/** How a network is run. */
export interface Pass {
  /** Batch statistics (true) or running statistics (false) in batch norm. */
  readonly training: boolean;
  /** Whether batch norm moves its running statistics (only in training). */
  readonly updateStats: boolean;
  /** Workers whose batches share one set of batch statistics (synchronised batch norm). Default: this process alone. */
  readonly workers?: Collective;
}

/** A network without weights of its own: what weights it needs, and what it computes with them. */
export interface Module<I = tf.Tensor2D, O = tf.Tensor2D> {
  readonly specs: WeightSpecs;
  apply(weights: Weights, input: I, pass: Pass): O;
}

/** `module` with its weights under `prefix/`. */
export function prefixed<I, O>(prefix: string, module: Module<I, O>): Module<I, O> {
  const outer = (name: string) => `${prefix}/${name}`;
  const names = Object.keys(module.specs);
  return {
    specs: Object.fromEntries(Object.entries(module.specs).map(([name, spec]) => [outer(name), spec])),
    apply: (weights, input, pass) =>
      module.apply(Object.fromEntries(names.map((name) => [name, weights[outer(name)]!])), input, pass),
  };
}

/** Allocates the weights of `specs`, named `prefix/name`. Each weight has a stream of its own, so adding one moves no other. */
export function createWeights(specs: WeightSpecs, rng: Rng, prefix = ''): Weights {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => {
      const values = tf.tensor(spec.init(spec.shape, rng.fork(name)), [...spec.shape], 'float32');
      const variable = tf.variable(
        values,
        spec.role !== 'statistic' && spec.frozen !== true,
        uniqueName(prefix + name),
      );
      values.dispose();
      return [name, variable];
    }),
  );
}

/** Allocates weights for the same specs with the values of `source` (a momentum encoder). They are not trainable. */
export function copyWeights(specs: WeightSpecs, source: Weights, prefix = ''): Weights {
  return Object.fromEntries(
    Object.keys(specs).map((name) => [name, tf.variable(source[name]!, false, uniqueName(prefix + name))]),
  );
}

// tfjs refuses two variables of one name in a process, even in unrelated trainers; our own paths are the names that count.
let variableCount = 0;
const uniqueName = (name: string) => `${name}#${variableCount++}`;
