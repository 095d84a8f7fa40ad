import * as tf from '@tensorflow/tfjs-core';
import { allocate } from './allocate.js';
import type { Backbone } from './backbone.js';
import { ALONE, type Workers } from './collective.js';
import { type Composition, compose, drawAll, phasesOf } from './compose.js';
import { SslError } from './errors.js';
import { type HostTensor, type HostTensors, hostInts, hostScalar } from './host-tensor.js';
import type { Weights } from './module.js';
import { positive, resolveOptions } from './options.js';
import type { HostInfo, StepInfo } from './plugin.js';
import type { ViewPlan } from './recipe.js';
import { Rng } from './rng.js';
import { type CompiledStep, eagerRuntime, type Program } from './runtime.js';
import { checkMeta, readVariables, type Snapshot, type SnapshotMeta, writeVariables } from './snapshot.js';
import { type StepContext, type StepVariant, stepFunction } from './step.js';
import { type Batch, MAX_SKIPPED_IN_A_ROW, type StepReport, type TrainerOptions } from './trainer-types.js';
import { type ViewMaker, withViewMaker } from './view-maker.js';
import { checkWorkersEqual } from './workers-equal.js';

export * from './trainer-types.js';

/**
 * Trains a host with plug-ins, one optimiser step a call. It owns all variables of the run and knows nothing of files, folders or
 * data sets.
 *
 * @example
 * const trainer = new Trainer({ host: moco({ backbone: resnet18() }), plugins: [reco()], optimizer: sgd({ learningRate: 0.06 }), … });
 * const { metrics } = await trainer.step([batch]);
 */
export class Trainer {
  readonly #options: Required<Omit<TrainerOptions, 'viewMaker'>>;
  readonly #viewMaker: ViewMaker | undefined;
  /** What a batch holds: shapes by name. */
  readonly #imageShapes: Readonly<Record<string, readonly number[]>>;
  readonly #composition: Composition;
  readonly #context: StepContext;
  readonly #variables: Readonly<Record<string, tf.Variable>>;
  readonly #program: Program;
  readonly #rng: Rng;
  readonly #steps = new Map<string, CompiledStep>();
  #step = 0;
  #skippedInARow = 0;
  #learningRateFactor = 1;
  #areWorkersChecked = false;
  #disposed = false;

  /** @throws SslError `BAD_OPTION`, `INCOMPATIBLE` if the parts do not fit together. */
  constructor(options: TrainerOptions) {
    const { onDivergence = 'stop', maxGradientNorm } = options;
    const defaults = { plugins: [], accumulate: 1, runtime: eagerRuntime, collective: ALONE };
    const batchNorm = options.batchNorm ?? 'synchronised';
    const o = { ...defaults, ...options, batchNorm, onDivergence, maxGradientNorm };
    if (maxGradientNorm !== undefined) {
      resolveOptions('Trainer', { maxGradientNorm }, { maxGradientNorm }, (given) =>
        positive(given, 'maxGradientNorm'),
      );
    }
    this.#options = o;
    this.#rng = Rng.create(o.seed);
    const { host, plugins, side, recipes, collective } = o;
    const batch = ownBatch(o.batch, collective);
    const workers = { size: collective.size, rank: collective.rank, batchNorm };
    this.#composition = compose({ host, plugins, batch, workers, side, recipes, rng: this.#rng });
    this.#viewMaker = o.viewMaker?.(this.plan);
    const views = Object.keys(this.plan).map((view) => [view, [batch, side, side, 3]] as const);
    this.#imageShapes = this.#viewMaker?.shapes ?? Object.fromEntries(views);
    const { context, variables } = allocate(this.#composition, o.optimizer, this.#rng, o.accumulate);
    const guard = onDivergence === 'skip' ? { variables: Object.values(variables), maxGradientNorm } : undefined;
    const shared = batchNorm === 'synchronised' ? { workers: collective } : {};
    const pass = { training: true, updateStats: true, ...shared };
    this.#context = { ...context, guard, workers: collective, pass, stepNumber: () => this.#step };
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

  /**
   * Multiplies the learning rate of all further steps, > 0; 1 at first. It is part of a snapshot: a run that goes on after a rollback
   * with a smaller rate can be resumed exactly.
   */
  get learningRateFactor(): number {
    return this.#learningRateFactor;
  }

  set learningRateFactor(factor: number) {
    resolveOptions('Trainer', { learningRateFactor: 1 }, { learningRateFactor: factor }, (given) =>
      positive(given, 'learningRateFactor'),
    );
    this.#learningRateFactor = factor;
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
   * With several workers `record` must be the same on all of them.
   *
   * @throws SslError `NOT_FINITE` if the step diverged (see `onDivergence`); `SHAPE_MISMATCH` if a batch does not fit; `WORKERS_DIFFER`
   *   if the workers did not start equal; `WORKER_LOST`; what hooks throw.
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
    await this.#checkWorkers();
    const info = this.stepInfo();
    const factor = this.#learningRateFactor;
    const learningRate = schedule(info) * factor;
    const rates = { 'lr/scheduled': hostScalar(learningRate), 'lr/base': hostScalar(optimizer.learningRate * factor) };
    const metrics: Record<string, number> = {};
    let tensors: Record<string, HostTensor> = {};
    let skipped = false;
    for (const [micro, batch] of batches.entries()) {
      const inputs = { ...this.#inputs(batch, info, micro), ...rates };
      const { loss, applied, ...outputs } = await this.#run(inputs, info, micro, record && micro === accumulate - 1);
      metrics.loss = (metrics.loss ?? 0) + loss!.data[0]! / accumulate;
      if (applied !== undefined) skipped = applied.data[0] === 0;
      tensors = {};
      for (const [name, t] of Object.entries(outputs)) {
        if (t.shape.length === 0) metrics[name] = t.data[0]!;
        else tensors[name] = t;
      }
    }
    this.#step++;
    this.#checkDivergence(metrics, skipped, info);
    return { step: this.#step, info, learningRate, metrics, skipped, tensors };
  }

  /** Before the first step, and the first after `restore`: reads all variables once. */
  async #checkWorkers(): Promise<void> {
    const { collective } = this.#options;
    if (this.#areWorkersChecked || collective.size === 1) return;
    await this.#program.pull();
    const { step, seed, parts } = this.#meta();
    const { batchNorm, onDivergence, maxGradientNorm } = this.#options;
    const record = { step, seed, parts, batchNorm, onDivergence, maxGradientNorm };
    await checkWorkersEqual(this.#program, collective, this.#variables, record);
    this.#areWorkersChecked = true;
  }

  #checkDivergence({ loss, gradientNorm }: Readonly<Record<string, number>>, skipped: boolean, info: StepInfo): void {
    const { onDivergence, maxGradientNorm = Number.POSITIVE_INFINITY } = this.#options;
    this.#skippedInARow = skipped ? this.#skippedInARow + 1 : 0;
    const isBad = (value: number | undefined, limit: number) => value !== undefined && !(Math.abs(value) < limit);
    const lossIsBad = isBad(loss, Number.POSITIVE_INFINITY);
    if (!lossIsBad && !isBad(gradientNorm, maxGradientNorm)) return;
    const inARow = this.#skippedInARow;
    if (onDivergence === 'skip' && inARow < MAX_SKIPPED_IN_A_ROW) return;
    const what = lossIsBad ? `The loss became ${loss}` : `The gradient norm became ${gradientNorm}`;
    const often = onDivergence === 'skip' ? `, after ${inARow} skipped steps in a row` : '';
    throw new SslError('NOT_FINITE', `${what} at step ${this.#step} (epoch ${info.epoch})${often}.`, {
      hint: 'Lower the learning rate, add warm-up, or use f32 precision; the last checkpoint is from before this step.',
    });
  }

  /** Outputs that are read back after every step. */
  get #watched(): readonly string[] {
    const { onDivergence, maxGradientNorm } = this.#options;
    if (onDivergence === 'skip') return ['loss', 'gradientNorm', 'applied'];
    return maxGradientNorm === undefined ? ['loss'] : ['loss', 'gradientNorm'];
  }

  #inputs(batch: Batch, info: StepInfo, micro: number): HostTensors {
    const draws = drawAll(this.#composition, this.#rng, info, micro);
    const named = (prefix: string, tensors: HostTensors) =>
      Object.entries(tensors).map(([name, t]): [string, HostTensor] => [`${prefix}/${name}`, t]);
    const unknown = () => hostInts(new Int32Array(this.info.batch).fill(-1));
    return Object.fromEntries([
      ...Object.entries(this.#imageShapes).map(([name, shape]): [string, HostTensor] => [
        `images/${name}`,
        imagesOf(batch, name, shape),
      ]),
      ['ids', batch.ids],
      ['labels', batch.labels ?? unknown()],
      ...named('draws/host', draws.host),
      ...Object.entries(draws.plugins).flatMap(([plugin, tensors]) => named(`draws/${plugin}`, tensors)),
    ]);
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
    try {
      let step = this.#steps.get(key);
      if (step === undefined) {
        const name = `${this.#composition.host.name} ${key}`;
        const run = withViewMaker(this.#viewMaker, stepFunction(this.#context, variant));
        step = await this.#program.prepare(name, run, inputs);
        this.#steps.set(key, step);
      }
      return await step.run(inputs, record ? undefined : this.#watched);
    } catch (error) {
      throw withBatch(error, this.#options);
    }
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
    this.#learningRateFactor = snapshot.meta.learningRateFactor ?? 1;
    this.#skippedInARow = 0;
    this.#areWorkersChecked = false;
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
      ...(this.#learningRateFactor === 1 ? {} : { learningRateFactor: this.#learningRateFactor }),
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

function imagesOf(batch: Batch, name: string, shape: readonly number[]): HostTensor {
  const images = batch.images[name];
  if (images === undefined || String(images.shape) !== String(shape)) {
    const got = images === undefined ? 'is missing' : `is [${images.shape}]`;
    throw new SslError('SHAPE_MISMATCH', `${name} of the batch ${got}, but this run needs [${shape.join(', ')}].`);
  }
  return images;
}

/** n of this worker. @throws SslError `BAD_OPTION`. */
function ownBatch(batch: number, { size }: Workers): number {
  if (batch % size === 0) return batch / size;
  throw new SslError('BAD_OPTION', `[Trainer] batch is ${batch}, but it must be a multiple of the ${size} workers.`, {
    hint: `Set batch to ${Math.max(1, Math.floor(batch / size)) * size}.`,
  });
}

/** Says which batch did not fit into the memory: it is what a user can change. */
function withBatch(error: unknown, { batch, side }: TrainerOptions): unknown {
  if (!(error instanceof SslError) || error.code !== 'OUT_OF_MEMORY') return error;
  const views = `A step with a batch of ${batch} images of ${side} × ${side} pixels`;
  return new SslError('OUT_OF_MEMORY', `${views} needs more memory than there is. ${error.message}`, {
    hint: `Use a batch smaller than ${batch} (several can be accumulated), smaller images or a narrower network.`,
    cause: error,
  });
}
