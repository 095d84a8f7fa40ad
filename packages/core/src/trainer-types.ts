import type { BatchNormScope, Collective } from './collective.js';
import type { AnyHost, AnyPlugin } from './compose.js';
import type { HostTensor } from './host-tensor.js';
import type { Optimizer } from './optim/optimizer.js';
import type { StepInfo } from './plugin.js';
import type { ViewName, ViewRecipe } from './recipe.js';
import type { Runtime } from './runtime.js';
import type { ViewMakerFactory } from './view-maker.js';

export interface TrainerOptions {
  readonly host: AnyHost;
  /** In order of application. Default none: the host alone. */
  readonly plugins?: readonly AnyPlugin[];
  readonly optimizer: Optimizer;
  /** Learning rate of a step. */
  readonly schedule: (step: StepInfo) => number;
  /** Images in a micro-batch, of all workers together: each takes `batch / collective.size` of them. */
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
  /** The processes that train together, from `joinCluster` of the engine, with its compiled runtime. Default: this process alone. */
  readonly collective?: Collective;
  /**
   * Batch statistics of several workers: `synchronised` (default) over the global batch, so that the number of workers does not change
   * what is learned; `local` over each worker's images, faster, as the official code of MoCo and DenseCL has it (their keys are then
   * shuffled over workers). Running statistics are means over workers in both.
   */
  readonly batchNorm?: BatchNormScope;
  /** Makes the views inside the step; then a batch's `images` are what the maker asks for. Default: they are the views. */
  readonly viewMaker?: ViewMakerFactory | undefined;
  /**
   * What becomes of a step whose loss or gradient is NaN or infinite, or whose gradient is longer than `maxGradientNorm`. `stop`
   * (default): `step` throws. `skip`: the step counts, but changes nothing, neither weights and statistics nor queues and optimiser; it
   * throws only if {@link MAX_SKIPPED_IN_A_ROW} steps in a row are skipped.
   */
  readonly onDivergence?: 'stop' | 'skip';
  /** L2 norm of a step's gradient over all parameters from which on the step counts as diverged, > 0. Default: no limit. */
  readonly maxGradientNorm?: number | undefined;
}

/** A run that skips longer than this will not recover by itself. */
export const MAX_SKIPPED_IN_A_ROW = 10;

/** One micro-batch of this worker: views [n, S, S, 3] (or what the view maker asks for), data-set indices, classes (−1 or absent where unknown). */
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
  /**
   * Scalars by name: `loss` (mean of the micro-batches); with `record` also `loss/<term>`, `gradientNorm` and the metrics of host and
   * plug-ins (last micro-batch). All are means over workers, equal on all of them. With `onDivergence: 'skip'` or a `maxGradientNorm` always `gradientNorm`.
   */
  readonly metrics: Readonly<Record<string, number>>;
  /** The step diverged and changed nothing. */
  readonly skipped: boolean;
  /** With `record`: larger outputs (scores, histograms) of this worker's last micro-batch. */
  readonly tensors: Readonly<Record<string, HostTensor>>;
}
