import * as tf from '@tensorflow/tfjs-core';
import { SslError } from './errors.js';
import type { HostTensor, HostTensors } from './host-tensor.js';

/** Device tensors by name. */
export type Tensors = Readonly<Record<string, tf.Tensor>>;

/**
 * A step: reads its inputs and the program's variables, assigns variables (`variable.assign`), returns named outputs.
 * It must not read a tensor's value (`dataSync`), branch on one, draw random numbers or depend on anything in JavaScript
 * that changes between calls: it may be recorded once and replayed for ever.
 */
export type StepFunction = (inputs: Tensors) => Tensors;

/** A prepared step. Calls run one after the other, in call order. */
export interface CompiledStep {
  /**
   * Runs the step once. `inputs` must have the names, shapes and dtypes of the example.
   *
   * @param fetch names of the outputs to read back; default all. Outputs that are not fetched need not be computed.
   * @throws SslError `SHAPE_MISMATCH` on wrong inputs; `BACKEND`, `OUT_OF_MEMORY` from the library.
   */
  run(inputs: HostTensors, fetch?: readonly string[]): Promise<Record<string, HostTensor>>;
}

/** Steps that share one set of variables. While a program lives, the device holds the current values: `pull` before reading a `tf.Variable`. */
export interface Program {
  /**
   * Prepares a step (records it, where the runtime compiles).
   *
   * @param name used in messages. @param example gives names, shapes and dtypes of the inputs.
   * @throws SslError `NOT_RECORDABLE` if the step reads a tensor's value.
   */
  prepare(name: string, step: StepFunction, example: HostTensors): Promise<CompiledStep>;
  /** Copies the device's values into the `tf.Variable`s. */
  pull(): Promise<void>;
  /** Copies the `tf.Variable`s' values to the device, for example after restoring a checkpoint. */
  push(): Promise<void>;
  /** Frees everything that the program holds on the device; the `tf.Variable`s stay the caller's. */
  dispose(): void;
}

/** Runs steps: eagerly (`eagerRuntime`, any backend) or compiled (`@contrastive/engine`). */
export interface Runtime {
  readonly name: string;
  createProgram(variables: Readonly<Record<string, tf.Variable>>): Program;
}

const toDevice = (t: HostTensor): tf.Tensor => tf.tensor(t.data, t.shape as number[], t.dtype);

/** Names the inputs that are missing, unexpected or of another shape or dtype than the example's. */
export function checkInputs(name: string, example: HostTensors, inputs: HostTensors): void {
  const problems: string[] = [];
  for (const [key, want] of Object.entries(example)) {
    const got = inputs[key];
    if (got === undefined) problems.push(`${key} is missing`);
    else if (got.dtype !== want.dtype || String(got.shape) !== String(want.shape)) {
      problems.push(`${key} is ${got.dtype} [${got.shape}], expected ${want.dtype} [${want.shape}]`);
    }
  }
  for (const key of Object.keys(inputs)) if (!(key in example)) problems.push(`${key} is not an input of this step`);
  if (problems.length > 0) throw new SslError('SHAPE_MISMATCH', `step ${name}: ${problems.join('; ')}.`);
}

/** Runs each step as it is, on the current tfjs backend. */
export const eagerRuntime: Runtime = {
  name: 'eager',
  createProgram: () => ({
    prepare: async (name, step, example) => ({
      run: async (inputs, fetch) => {
        checkInputs(name, example, inputs);
        const outputs = tf.tidy(() => {
          const device = Object.fromEntries(Object.entries(inputs).map(([key, t]) => [key, toDevice(t)]));
          const all = step(device);
          // Clones, since a step may return an input or a variable, which is not ours to dispose.
          return Object.fromEntries((fetch ?? Object.keys(all)).map((key) => [key, tf.clone(all[key]!)]));
        });
        try {
          return await readBack(outputs);
        } finally {
          tf.dispose(outputs);
        }
      },
    }),
    pull: async () => {},
    push: async () => {},
    dispose: () => {},
  }),
};

async function readBack(outputs: Tensors): Promise<Record<string, HostTensor>> {
  const read = async ([key, t]: [string, tf.Tensor]): Promise<[string, HostTensor]> => {
    const data = (await t.data()) as Float32Array | Int32Array;
    return [key, { shape: t.shape as HostTensor['shape'], dtype: t.dtype as 'float32' | 'int32', data }];
  };
  return Object.fromEntries(await Promise.all(Object.entries(outputs).map(read)));
}
