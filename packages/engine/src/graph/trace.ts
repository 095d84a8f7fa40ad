import { type HostTensors, SslError, type StepFunction, type Tensors } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import type { NodeBackend } from '../eager/backend.js';
import type { EagerBinding } from '../eager/binding.js';
import { DT } from '../native/dtype.js';
import type { RecordedStep, Ref } from './node.js';
import { Recorder } from './recorder.js';

/** A variable of the program and the name under which the session knows it. */
export interface ProgramVariable {
  readonly variable: tf.Variable;
  readonly sharedName: string;
  readonly dtype: number;
}

interface Tracing {
  readonly recorder: Recorder;
  readonly backend: NodeBackend;
  readonly variables: readonly ProgramVariable[];
}

/**
 * Runs the step function once with tensors that have a shape and a type but no values, and returns what it did as a graph. All
 * `tf.Variable`s keep their own values.
 *
 * @throws SslError `NOT_RECORDABLE` if the step reads a value, has shapes that depend on values, makes a variable, or uses one
 *   that is not the program's.
 */
export function traceStep(
  name: string,
  step: StepFunction,
  example: HostTensors,
  variables: readonly ProgramVariable[],
  { binding, backend }: { binding: EagerBinding; backend: NodeBackend },
): RecordedStep {
  const guard = guardVariables(variables, backend);
  const recorder = new Recorder(binding, guard.onCapture);
  try {
    let traced: RecordedStep | undefined; // not tidy's result: tidy would search it for tensors, byte by byte
    binding.record(recorder, () =>
      tf.tidy(() => {
        traced = runStep(step, example, { recorder, backend, variables });
      }),
    );
    guard.check();
    return traced!;
  } catch (error) {
    if (error instanceof SslError)
      throw new SslError(error.code, `step ${name}: ${error.message}`, errorOptions(error));
    throw error;
  } finally {
    guard.restore();
    recorder.dispose();
  }
}

const errorOptions = (error: SslError) => ({ cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) });

function runStep(step: StepFunction, example: HostTensors, { recorder, backend, variables }: Tracing): RecordedStep {
  const refOf = (tensor: tf.Tensor): Ref => recorder.refOf(backend.getInputTensorIds([tensor])[0]!);
  const inputs = new Map<string, Ref>();
  const device: Record<string, tf.Tensor> = {};
  for (const [key, { shape, dtype }] of Object.entries(example)) {
    device[key] = backend.createOutputTensor(recorder.placeholder({ shape: shape as number[], dtype: DT[dtype] }));
    inputs.set(key, refOf(device[key]));
  }
  const initial = variables.map(({ variable, sharedName, dtype }) => {
    const { handle, value } = recorder.variable({ shape: variable.shape, dtype }, sharedName);
    variable.assign(backend.createOutputTensor(value));
    return { variable, handle, dataId: variable.dataId };
  });
  const results: Tensors = step(device);
  const outputs = new Map(Object.entries(results).map(([key, tensor]) => [key, refOf(tensor)]));
  const written = initial.filter(({ variable, dataId }) => variable.dataId !== dataId);
  const assigns = new Map(written.map(({ variable, handle }) => [handle, refOf(variable)]));
  const trainable = new Set(initial.filter(({ variable }) => variable.trainable).map(({ handle }) => handle));
  return { nodes: recorder.nodes, inputs, outputs, assigns, trainable };
}

/** Holds the values of all variables, so that assigning one while recording does not free them. */
function guardVariables(variables: readonly ProgramVariable[], backend: NodeBackend) {
  const known = new Set(variables.map((v) => v.variable));
  const before = { ...tf.engine().registeredVariables };
  const saved = Object.values(before).map((variable) => ({ variable, value: tf.keep(tf.clone(variable)) }));
  const foreign = new Map<number, string>();
  for (const { variable } of saved) {
    if (!known.has(variable)) foreign.set(backend.getInputTensorIds([variable])[0]!, variable.name);
  }
  const notOurs = (what: string, name: string) =>
    new SslError('NOT_RECORDABLE', `${what} variable ${name}, which is not one of the program's variables.`, {
      hint: 'Give createProgram every variable that the step reads or assigns.',
    });
  return {
    onCapture(id: number): void {
      const name = foreign.get(id);
      if (name !== undefined) throw notOurs('it reads', name);
    },
    check(): void {
      for (const { variable, value } of saved) {
        if (!known.has(variable) && variable.dataId !== value.dataId) throw notOurs('it assigns', variable.name);
      }
      const created = Object.keys(tf.engine().registeredVariables).filter((name) => !(name in before));
      if (created.length > 0) {
        throw new SslError('NOT_RECORDABLE', `it makes new variables (${created.join(', ')}).`, {
          hint: 'Make all variables before the step, and give them to createProgram.',
        });
      }
    },
    restore(): void {
      for (const { variable, value } of saved) {
        if (variable.dataId !== value.dataId) variable.assign(value);
        value.dispose();
      }
      for (const [name, variable] of Object.entries(tf.engine().registeredVariables))
        if (!(name in before)) variable.dispose();
    },
  };
}
