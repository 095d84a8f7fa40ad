import {
  type CompiledStep,
  checkInputs,
  type HostTensor,
  type HostTensors,
  type Program,
  SslError,
  type StepFunction,
} from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { LoadedTensorFlow } from '../load.js';
import type { Pointer } from '../native/c-api.js';
import type { SessionConfig } from '../native/config.js';
import { DT } from '../native/dtype.js';
import { Session, type SessionCall, type SessionServer } from '../native/session.js';
import { allocate, readTensor } from '../native/tensor.js';
import { assembleStep, doneName, encodeGraph, outputName, variableNodes } from './graph-def.js';
import type { RecordedStep } from './node.js';
import { type ProgramVariable, traceStep } from './trace.js';

/** How a compiled step came to be, in milliseconds and operations. */
export interface StepStats {
  /** Operations that the step function called. */
  readonly recordedOps: number;
  /** Operations that are run, after the passes. */
  readonly ops: number;
  /** Those of them that change variables in place. */
  readonly updates: number;
  readonly recordMs: number;
  /** Passes, encoding and import; TensorFlow optimises once more at the first run. */
  readonly compileMs: number;
}

/** A step as one TensorFlow graph. */
export interface TensorFlowStep extends CompiledStep {
  readonly stats: StepStats;
}

export interface TensorFlowProgram extends Program {
  prepare(name: string, step: StepFunction, example: HostTensors): Promise<TensorFlowStep>;
}

/** Turns a recorded step into another that computes the same. */
export type Pass = (step: RecordedStep) => RecordedStep;

export interface ProgramOptions {
  readonly passes: readonly Pass[];
  readonly session: SessionConfig;
  /** Default: sessions of this process. */
  readonly server?: SessionServer | undefined;
}

/** Steps compiled to one session, whose variables hold the current values until {@link GraphProgram.pull} copies them back. */
export class GraphProgram implements TensorFlowProgram {
  readonly #variables: readonly ProgramVariable[];
  readonly #session: Session;
  readonly #pullCall: SessionCall;
  readonly #pushCall: SessionCall;
  #queue: Promise<unknown> = Promise.resolve();
  #steps = 0;
  #disposed = false;

  constructor(
    readonly tensorflow: LoadedTensorFlow,
    variables: Readonly<Record<string, tf.Variable>>,
    readonly options: ProgramOptions,
  ) {
    this.#variables = [...new Set(Object.values(variables))].map(programVariable);
    this.#session = new Session(tensorflow.api, options.session, options.server);
    const names = this.#variables.map((v) => v.sharedName);
    this.#session.extend(
      encodeGraph(this.#variables.flatMap((v) => variableNodes(v.sharedName, v.variable.shape, v.dtype))),
    );
    this.#pullCall = this.#session.prepare(
      [],
      names.map((name) => `${name}/read`),
      [],
    );
    this.#pushCall = this.#session.prepare(
      names.map((name) => `${name}/in`),
      [],
      names.map((name) => `${name}/set`),
    );
    this.#push();
  }

  prepare(name: string, step: StepFunction, example: HostTensors): Promise<TensorFlowStep> {
    return this.#inTurn(name, async () => {
      const start = performance.now();
      const recorded = traceStep(name, step, example, this.#variables, this.tensorflow);
      const recordMs = performance.now() - start;
      const compiled = this.options.passes.reduce((current, pass) => pass(current), recorded);
      const prefix = `s${this.#steps++}/`;
      this.#session.extend(encodeGraph(assembleStep(compiled, prefix)));
      const compileMs = performance.now() - start - recordMs;
      const updates = compiled.updates?.length ?? 0;
      const ops = compiled.nodes.length + updates;
      const stats = { recordedOps: recorded.nodes.length, ops, updates, recordMs, compileMs };
      return this.#compiled(name, compiled, prefix, example, stats);
    });
  }

  pull(): Promise<void> {
    return this.#inTurn('pull', async () => {
      if (this.#variables.length === 0) return;
      const { binding, backend, api } = this.tensorflow;
      const tensors = await this.#session.runAsync(this.#pullCall, []);
      tensors.forEach((pointer, i) => {
        const value = backend.createOutputTensor(binding.adopt(pointer));
        api.deleteTensor(pointer);
        this.#variables[i]!.variable.assign(value);
        value.dispose();
      });
    });
  }

  push(): Promise<void> {
    return this.#inTurn('push', async () => this.#push());
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    void this.#queue.finally(() => this.#session.close());
  }

  #push(): void {
    if (this.#variables.length === 0) return;
    const { binding, backend, api } = this.tensorflow;
    const ids = backend.getInputTensorIds(this.#variables.map((v) => v.variable));
    const tensors = ids.map((id) => binding.resolve(id));
    try {
      this.#session.run(this.#pushCall, tensors);
    } finally {
      for (const pointer of tensors) api.deleteTensor(pointer);
    }
  }

  /** Work on the session is done one after the other, in call order; a failure does not stop what follows. */
  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#disposed) return Promise.reject(new SslError('DISPOSED', `${name}: the program has been disposed.`));
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  #compiled(name: string, step: RecordedStep, prefix: string, example: HostTensors, stats: StepStats): TensorFlowStep {
    const keys = [...step.inputs.keys()];
    const feeds = [...step.inputs.values()].map((ref) => prefix + ref);
    const outputs = [...step.outputs.keys()];
    const calls = new Map<string, SessionCall>();
    const callFor = (fetch: readonly string[]): SessionCall => {
      const key = fetch.join('\n');
      let call = calls.get(key);
      if (call === undefined) {
        const nodes = fetch.map((output) => outputName(prefix, indexOfOutput(name, outputs, output)));
        call = this.#session.prepare(feeds, nodes, [doneName(prefix)]);
        calls.set(key, call);
      }
      return call;
    };
    return {
      stats,
      run: (inputs, fetch = outputs) =>
        this.#inTurn(name, async () => {
          checkInputs(name, example, inputs);
          const call = callFor(fetch);
          const results = await this.#runWith(
            call,
            keys.map((key) => inputs[key]!),
          );
          return Object.fromEntries(fetch.map((key, i) => [key, results[i]!]));
        }),
    };
  }

  async #runWith(call: SessionCall, inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    const { api } = this.tensorflow;
    const fed: Pointer[] = [];
    try {
      for (const { shape, dtype, data } of inputs) fed.push(allocate(api, shape as number[], DT[dtype], data));
      const fetched = await this.#session.runAsync(call, fed);
      return fetched.map((pointer) => this.#take(pointer));
    } finally {
      for (const pointer of fed) api.deleteTensor(pointer);
    }
  }

  #take(pointer: Pointer): HostTensor {
    const { dtype, shape, data } = readTensor(this.tensorflow.api, pointer);
    this.tensorflow.api.deleteTensor(pointer);
    const host = shape as HostTensor['shape'];
    if (dtype === DT.float32) return { shape: host, dtype: 'float32', data: data as Float32Array };
    return {
      shape: host,
      dtype: 'int32',
      data: data instanceof Int32Array ? data : Int32Array.from(data as Uint8Array),
    };
  }
}

function programVariable(variable: tf.Variable, index: number): ProgramVariable {
  if (variable.dtype !== 'float32' && variable.dtype !== 'int32') {
    throw new SslError(
      'INCOMPATIBLE',
      `variable ${variable.name} is ${variable.dtype}; compiled steps take float32 and int32.`,
    );
  }
  return { variable, sharedName: `v${index}`, dtype: DT[variable.dtype] };
}

function indexOfOutput(step: string, outputs: readonly string[], name: string): number {
  const index = outputs.indexOf(name);
  if (index >= 0) return index;
  throw new SslError('USAGE', `step ${step}: there is no output ${name}; there are ${outputs.join(', ')}.`);
}
