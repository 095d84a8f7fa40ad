import * as tf from '@tensorflow/tfjs-core';
import type { Backbone } from './backbone.js';
import { onlineSpecs, targetSpecs } from './branches.js';
import { type AnyHost, type AnyPlugin, type Composition, compose, drawAll, phasesOf } from './compose.js';
import { SslError } from './errors.js';
import { type HostTensor, type HostTensors, hostInts, hostScalar } from './host-tensor.js';
import { copyWeights, createWeights, type Weights } from './module.js';
import type { Optimizer, Parameter } from './optim/optimizer.js';
import type { HostInfo, State, StepInfo } from './plugin.js';
import type { ViewName, ViewPlan, ViewRecipe } from './recipe.js';
import { Rng } from './rng.js';
import { type CompiledStep, eagerRuntime, type Program, type Runtime } from './runtime.js';
import { checkMeta, readVariables, type Snapshot, type SnapshotMeta, writeVariables } from './snapshot.js';
import { type StepContext, type StepVariant, stepFunction } from './step.js';

export interface TrainerOptions {
  readonly host: AnyHost;
  /** In order of application. Default none: the host alone. */
  readonly plugins?: readonly AnyPlugin[];
  readonly optimizer: Optimizer;
  /** Learning rate of a step. */
  readonly schedule: (step: StepInfo) => number;
  /** Images in a micro-batch. */
  readonly batch: number;
  /** Micro-batches whose gradients are averaged in one optimiser step. Default 1. */
  readonly accumulate?: number;
  /** Input side in pixels. */
  readonly side: number;
  readonly epochs: number;
  /** Optimiser steps in an epoch. */
  readonly stepsPerEpoch: number;
  readonly seed: number;
  /** One recipe for all views of the host, or one per view. */
  readonly recipes: readonly ViewRecipe[];
  /** Default `eagerRuntime`. */
  readonly runtime?: Runtime;
}

/** One micro-batch: views [n, S, S, 3], data-set indices, classes (−1 or absent where unknown). */
export interface Batch {
  readonly images: Readonly<Record<ViewName, HostTensor>>;
  readonly ids: HostTensor;
  readonly labels?: HostTensor | undefined;
}

export interface StepReport {
  /** Optimiser steps done, this one included. */
  readonly step: number;
  readonly info: StepInfo;
  readonly learningRate: number;
  /** Scalars by name: `loss` (mean of the micro-batches); with `record` also `loss/<term>` and the metrics of host and plug-ins (last micro-batch). */
  readonly metrics: Readonly<Record<string, number>>;
  /** With `record`: larger outputs (scores, histograms) of the last micro-batch. */
  readonly tensors: Readonly<Record<string, HostTensor>>;
}

/**
 * Trains a host with plug-ins, one optimiser step a call. It owns all variables of the run and knows nothing of files, folders or
 * data sets.
 *
 * @example
 * const trainer = new Trainer({ host: moco({ backbone: resnet18() }), plugins: [reco()], optimizer: sgd({ learningRate: 0.06 }), … });
 * const { metrics } = await trainer.step([batch]);
 */
export class Trainer {
  readonly #options: Required<TrainerOptions>;
  readonly #composition: Composition;
  readonly #context: StepContext;
  readonly #variables: Readonly<Record<string, tf.Variable>>;
  readonly #program: Program;
  readonly #rng: Rng;
  readonly #steps = new Map<string, CompiledStep>();
  #step = 0;
  #disposed = false;

  /** @throws SslError `BAD_OPTION`, `INCOMPATIBLE` if the parts do not fit together. */
  constructor(options: TrainerOptions) {
    const o = { plugins: [], accumulate: 1, runtime: eagerRuntime, ...options };
    this.#options = o;
    this.#rng = Rng.create(o.seed);
    const { host, plugins, batch, side, recipes } = o;
    this.#composition = compose({ host, plugins, batch, side, recipes, rng: this.#rng });
    const { context, variables } = allocate(this.#composition, o.optimizer, this.#rng, o.accumulate);
    this.#context = { ...context, stepNumber: () => this.#step };
    this.#variables = variables;
    this.#program = o.runtime.createProgram(variables);
  }

  /** Views that a batch must hold, and how they are made. */
  get plan(): ViewPlan {
    return this.#composition.plan;
  }

  get info(): HostInfo {
    return this.#composition.info;
  }

  /** Optimiser steps done. */
  get stepsDone(): number {
    return this.#step;
  }

  /** All variables of the run by path: `online/…`, `target/…`, `host/…`, `plugins/…`, `optimizer/…`. Read them after `pull`. */
  get variables(): Readonly<Record<string, tf.Variable>> {
    return this.#variables;
  }

  /** Where step number `step` (from 0) stands. */
  stepInfo(step = this.#step): StepInfo {
    const { epochs, stepsPerEpoch } = this.#options;
    return { step, epoch: Math.floor(step / stepsPerEpoch) + 1, epochs, stepsPerEpoch };
  }

  /**
   * One optimiser step over `accumulate` micro-batches.
   *
   * @param record read back loss terms, metrics of host and plug-ins and larger outputs too. Default false: the loss only.
   * @throws SslError `NOT_FINITE` if the loss is NaN or infinite; `SHAPE_MISMATCH` if a batch does not fit; what hooks throw.
   */
  async step(batches: readonly Batch[], { record = false }: { readonly record?: boolean } = {}): Promise<StepReport> {
    const { accumulate, schedule, optimizer } = this.#options;
    if (this.#disposed) throw new SslError('DISPOSED', 'This trainer was disposed.');
    if (batches.length !== accumulate) {
      throw new SslError(
        'SHAPE_MISMATCH',
        `A step takes ${accumulate} micro-batches, but ${batches.length} were given.`,
      );
    }
    const info = this.stepInfo();
    const learningRate = schedule(info);
    const rates = { 'lr/scheduled': hostScalar(learningRate), 'lr/base': hostScalar(optimizer.learningRate) };
    const metrics: Record<string, number> = {};
    let tensors: Record<string, HostTensor> = {};
    for (const [micro, batch] of batches.entries()) {
      const inputs = { ...this.#inputs(batch, info, micro), ...rates };
      const outputs = await this.#run(inputs, info, micro, record && micro === accumulate - 1);
      tensors = {};
      for (const [name, t] of Object.entries(outputs)) {
        if (name === 'loss') metrics.loss = (metrics.loss ?? 0) + t.data[0]! / accumulate;
        else if (t.shape.length === 0) metrics[name] = t.data[0]!;
        else tensors[name] = t;
      }
    }
    this.#step++;
    if (!Number.isFinite(metrics.loss)) {
      throw new SslError('NOT_FINITE', `The loss became ${metrics.loss} at step ${this.#step} (epoch ${info.epoch}).`, {
        hint: 'Lower the learning rate, add warm-up, or use f32 precision; the last checkpoint is from before this step.',
      });
    }
    return { step: this.#step, info, learningRate, metrics, tensors };
  }

  #inputs(batch: Batch, info: StepInfo, micro: number): HostTensors {
    const draws = drawAll(this.#composition, this.#rng, info, micro);
    const named = (prefix: string, tensors: HostTensors) =>
      Object.entries(tensors).map(([name, t]): [string, HostTensor] => [`${prefix}/${name}`, t]);
    const unknown = () => hostInts(new Int32Array(this.#options.batch).fill(-1));
    return Object.fromEntries([
      ...Object.keys(this.plan).map((view): [string, HostTensor] => [`images/${view}`, this.#view(batch, view)]),
      ['ids', batch.ids],
      ['labels', batch.labels ?? unknown()],
      ...named('draws/host', draws.host),
      ...Object.entries(draws.plugins).flatMap(([plugin, tensors]) => named(`draws/${plugin}`, tensors)),
    ]);
  }

  #view(batch: Batch, view: ViewName): HostTensor {
    const { batch: n, side } = this.#options;
    const images = batch.images[view];
    if (images === undefined || String(images.shape) !== String([n, side, side, 3])) {
      const got = images === undefined ? 'is missing' : `is [${images.shape}]`;
      throw new SslError(
        'SHAPE_MISMATCH',
        `${view} of the batch ${got}, but this run needs [${n}, ${side}, ${side}, 3].`,
      );
    }
    return images;
  }

  async #run(inputs: HostTensors, info: StepInfo, micro: number, record: boolean): Promise<Record<string, HostTensor>> {
    const { accumulate } = this.#options;
    const variant: StepVariant = {
      phases: phasesOf(this.#composition, info),
      first: micro === 0,
      last: micro === accumulate - 1,
      accumulate,
    };
    const key = JSON.stringify(variant);
    let step = this.#steps.get(key);
    if (step === undefined) {
      step = await this.#program.prepare(
        `${this.#composition.host.name} ${key}`,
        stepFunction(this.#context, variant),
        inputs,
      );
      this.#steps.set(key, step);
    }
    return step.run(inputs, record ? undefined : ['loss']);
  }

  /** Everything needed to go on with this run, copied to host memory. */
  async snapshot(): Promise<Snapshot> {
    await this.#program.pull();
    return { tensors: await readVariables(this.#variables), meta: this.#meta() };
  }

  /** Goes on from a snapshot of the same configuration. @throws SslError `CHECKPOINT` if it belongs to another. */
  async restore(snapshot: Snapshot): Promise<void> {
    checkMeta(snapshot.meta, this.#meta());
    writeVariables(this.#variables, snapshot.tensors);
    await this.#program.push();
    this.#step = snapshot.meta.step;
  }

  /** The trained encoder with its current weights. They are the trainer's own: copy what must outlive it. */
  async encoder(): Promise<{ readonly backbone: Backbone; readonly weights: Weights }> {
    await this.#program.pull();
    const { backbone } = this.#options.host.networks;
    const names = Object.keys(backbone.specs);
    return { backbone, weights: Object.fromEntries(names.map((n) => [n, this.#variables[`online/backbone/${n}`]!])) };
  }

  #meta(): SnapshotMeta {
    const { host, plugins, optimizer, batch, accumulate, side, epochs, stepsPerEpoch, seed } = this.#options;
    const { backbone } = host.networks;
    return {
      version: 1,
      step: this.#step,
      seed,
      parts: {
        host: { name: host.name, options: host.options },
        backbone: { name: backbone.name, options: backbone.options },
        plugins: plugins.map((p) => ({ name: p.name, options: p.options })),
        optimizer: { name: optimizer.name, options: optimizer.options },
        batch,
        accumulate,
        side,
        epochs,
        stepsPerEpoch,
      },
    };
  }

  /** Frees all variables and compiled steps. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#program.dispose();
    tf.dispose(Object.values(this.#variables));
  }
}

/** Allocates weights, target copy, optimiser slots and accumulators of a composition. */
function allocate(composition: Composition, optimizer: Optimizer, rng: Rng, accumulate: number) {
  const { host, plugins, hostState, pluginStates } = composition;
  const { networks } = host;
  const specs = onlineSpecs(networks);
  const onlineWeights = createWeights(specs, rng.fork('weights'), 'online/');
  const targetWeights =
    networks.target === 'momentum' ? copyWeights(targetSpecs(networks), onlineWeights, 'target/') : {};
  const parameters: Parameter[] = Object.entries(onlineWeights)
    .filter(([, variable]) => variable.trainable)
    .map(([name, variable]) => ({ path: `online/${name}`, variable, spec: specs[name]! }));
  const state: Record<string, tf.Variable> = { ...under('host', hostState) };
  for (const p of plugins) Object.assign(state, under(`plugins/${p.name}`, pluginStates[p.name]!));
  for (const [path, variable] of Object.entries(state)) {
    if (variable.trainable) parameters.push({ path, variable, spec: learnedSpec(variable) });
  }
  const slots = optimizer.slots(parameters);
  const accumulators =
    accumulate === 1 ? [] : parameters.map((p) => tf.tidy(() => tf.variable(tf.zerosLike(p.variable), false)));
  const variables = {
    ...under('online', onlineWeights),
    ...under('target', targetWeights),
    ...state,
    ...under('optimizer', slots),
    ...Object.fromEntries(accumulators.map((v, i) => [`accumulated/${parameters[i]!.path}`, v])),
  };
  const context: Omit<StepContext, 'stepNumber'> = {
    composition,
    onlineWeights,
    targetWeights,
    parameters,
    optimizer,
    slots,
    accumulators,
  };
  return { context, variables };
}

const under = (prefix: string, state: State): Record<string, tf.Variable> =>
  Object.fromEntries(Object.entries(state).map(([name, v]) => [`${prefix}/${name}`, v]));

/** A learned variable of a plug-in is decayed like a kernel, unless it is a vector. */
const learnedSpec = (v: tf.Variable): Parameter['spec'] => ({
  shape: v.shape,
  role: v.rank > 1 ? 'kernel' : 'bias',
  init: () => new Float32Array(v.size),
});
