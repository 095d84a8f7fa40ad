import * as tf from '@tensorflow/tfjs-core';

/** Whether the current backend has a kernel of this name. Fused kernels beyond tfjs's own are found this way, never by import. */
export const hasKernel = (name: string): boolean => tf.getKernel(name, tf.getBackend()) !== undefined;

/** Runs a kernel that gives one tensor. */
export const runKernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap = {}): tf.Tensor =>
  tf.engine().runKernel(name, inputs, attrs) as tf.Tensor;

/** Runs a kernel that gives several tensors. */
export const runKernels = (name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap): tf.Tensor[] =>
  tf.engine().runKernel(name, inputs, attrs) as unknown as tf.Tensor[];

/** What a function with its own gradient gives: its value, and the gradients of its inputs for a gradient `dy` of the value. */
export interface Differentiable {
  readonly value: tf.Tensor;
  readonly gradients: (dy: tf.Tensor, saved: readonly tf.Tensor[]) => tf.Tensor[];
}

/**
 * `tf.customGrad` with types that fit any number of inputs.
 *
 * @param f gets the inputs and `save`, which keeps tensors for the backward pass.
 */
export function withGradient(
  inputs: readonly tf.Tensor[],
  f: (inputs: readonly tf.Tensor[], save: (tensors: tf.Tensor[]) => void) => Differentiable,
): tf.Tensor {
  const op = tf.customGrad((...args) => {
    const save = args[args.length - 1] as tf.GradSaveFunc;
    const { value, gradients } = f(args.slice(0, -1) as tf.Tensor[], save);
    // tfjs tidies the gradients of its own kernels, but not these: without `tidy` their intermediates live until the whole backward pass ends.
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => gradients(dy, saved)) };
  });
  return op(...inputs);
}
