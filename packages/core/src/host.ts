import type * as tf from '@tensorflow/tfjs-core';
import type { Backbone } from './backbone.js';
import type { Collective, WorkersInfo } from './collective.js';
import type { Term } from './comparison.js';
import type { HostTensors, OnDevice } from './host-tensor.js';
import type { Module, Pass, Weights } from './module.js';
import type { JsonObject } from './options.js';
import type { Branch, HostInfo, State, StepInfo } from './plugin.js';
import type { ViewName, ViewPlan, ViewRecipe } from './recipe.js';
import type { Rng } from './rng.js';

/** A permutation of the images of all workers and its inverse, int32 [W n] each. */
export interface Shuffle {
  readonly order: tf.Tensor1D;
  readonly inverse: tf.Tensor1D;
}

/** Networks of a host. The online branch is backbone → projector → predictor; the target has no predictor. */
export interface Networks {
  readonly backbone: Backbone;
  /** [n, c] → [n, d]. */
  readonly projector: Module;
  /** [n, d] → [n, d]; online branch only. */
  readonly predictor?: Module;
  /** Further heads by name, part of the momentum copy: DenseCL's dense head. */
  readonly extra?: Readonly<Record<string, Module>>;
  /** `momentum`: an EMA copy of backbone, projector and extra heads. `online`: the online network, gradient stopped. */
  readonly target: 'momentum' | 'online';
}

/** What a host's hooks inside a step may read. */
export interface HostIo<D extends HostTensors = HostTensors, S extends State = State> {
  readonly images: Readonly<Record<ViewName, tf.Tensor4D>>;
  readonly ids: tf.Tensor1D;
  readonly labels: tf.Tensor1D;
  readonly online: Branch;
  readonly target: Branch;
  /** Weights by `backbone/…`, `projector/…`, `predictor/…`, `<extra>/…`. */
  readonly onlineWeights: Weights;
  readonly targetWeights: Weights;
  readonly state: S;
  readonly draws: OnDevice<D>;
  /** The processes that train together: rows that enter a queue are gathered, in-batch negatives too. */
  readonly workers: Collective;
  /** How this step's passes are run, for a host that runs a head itself. */
  readonly pass: Pass;
}

/**
 * A host framework: networks, views and the loss as comparisons. It never names a method.
 *
 * One step: `begin` → *tape on:* `terms` → plug-ins' `encode`, `edit` → scoring → `observe` → *tape off:* optimiser → `commit` of
 * host and plug-ins. All scores see queues as they were at the start of the step.
 */
export interface Host<D extends HostTensors = HostTensors, S extends State = State> {
  readonly name: string;
  /** Resolved options; stored with the run. */
  readonly options: JsonObject;
  readonly networks: Networks;
  /** Views and their recipes. @param recipes one for all views, or one per view. */
  views(recipes: readonly ViewRecipe[]): ViewPlan;
  /**
   * @param input.batch images of this worker in a micro-batch. @param input.workers who shares the run; default this process alone.
   * @throws SslError `BAD_OPTION` if batch or side do not fit, for example a queue that is no multiple of the global batch.
   */
  info(input: { readonly batch: number; readonly side: number; readonly workers?: WorkersInfo }): HostInfo;
  /** Queues and other state besides the networks. */
  init?(info: HostInfo, rng: Rng): S;
  /** Random draws and values that change over time (EMA momentum). */
  draw?(rng: Rng, step: StepInfo, info: HostInfo): D;
  /** Before any pass of an optimiser step: the momentum update. */
  begin?(io: HostIo<D, S>): void;
  /**
   * Shuffle batch norm: the permutation under which the target branch encodes a view (its outputs are put back in order);
   * `view` is undefined for an extra pass of a plug-in. Default: no shuffle.
   */
  shuffle?(draws: OnDevice<D>, view: ViewName | undefined): Shuffle | undefined;
  /** The loss as data; runs the host's passes by reading `online` and `target`. */
  terms(io: HostIo<D, S>): readonly Term[];
  /** Metrics of the host, for example its collapse check. */
  observe?(io: HostIo<D, S>): Readonly<Record<string, tf.Tensor>>;
  /** After the optimiser: queues. */
  commit?(io: HostIo<D, S>): void;
}

/** Fixes the types of draws and state of one host. */
export const defineHost = <D extends HostTensors, S extends State>(host: Host<D, S>): Host<D, S> => host;
