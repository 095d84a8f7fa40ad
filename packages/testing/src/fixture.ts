import type { HostTensors, Runtime, StepFunction } from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';

/** One numeric reference case: inputs and parameters of a computation, and what it must give. */
export interface Fixture {
  readonly name: string;
  /** Whose code or which formula gave the numbers. */
  readonly source: string;
  readonly tolerance: Tolerance;
  // Each kind of case has fields of its own: an adapter names those it reads.
  readonly inputs: unknown;
  readonly params: unknown;
  readonly expected: Readonly<Record<string, unknown>>;
  /** Conventions of shapes and indices. */
  readonly notes: string;
}

/** `max|a − b| ≤ rel · max|expected| + abs` per tensor; or a rule of its own for a field of `expected`. */
export interface Tolerance {
  readonly rel?: number;
  readonly abs?: number;
  /** Instead of `abs`, for fields with `grad` in their path. */
  readonly absGrad?: number;
  /** `rel` by dotted path; holds for everything below it. */
  readonly fields?: Readonly<Record<string, number>>;
  readonly [field: string]: unknown;
}

/** What an adapter may use besides its fixture. */
export interface ParityContext {
  /** Eager or compiled: for adapters that build a trainer. */
  readonly runtime: Runtime;
  /**
   * Runs a step once in that runtime and gives its outputs on the host: for adapters of single functions, so that these are checked
   * compiled as well. `variables` are those that the step assigns; they hold the new values afterwards.
   */
  run(step: StepFunction, inputs: HostTensors, variables?: Readonly<Record<string, tf.Variable>>): Promise<HostTensors>;
}

/**
 * Computes with a package what a fixture expects, under the names and in the nesting of `expected`. Values: numbers, strings, booleans,
 * null, nested arrays, typed arrays, tensors, host tensors, and records of these. Names that `expected` lacks are ignored.
 */
export type ParityAdapter = (
  fixture: Fixture,
  context: ParityContext,
) => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>;

/** Adapters by `folder/name prefix`; the longest prefix of a fixture's `folder/name` wins. */
export type ParityKinds = Readonly<Record<string, ParityAdapter>>;
