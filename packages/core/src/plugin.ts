import type * as tf from '@tensorflow/tfjs-core';
import { type Collective, ONE_WORKER, type WorkersInfo } from './collective.js';
import type { ScoredTerm, Term } from './comparison.js';
import type { HostTensor, HostTensors, OnDevice } from './host-tensor.js';
import type { JsonObject } from './options.js';
import type { ViewName, ViewPlan } from './recipe.js';
import type { Rng } from './rng.js';
import type { Tensors } from './runtime.js';

/** State of a host or plug-in: named variables. Saved under `host/<name>` or `plugins/<plug-in>/<name>`. */
export type State = Readonly<Record<string, tf.Variable>>;

/** Where a step stands. Only for hooks that run outside the recorded step (`phase`, `draw`). */
export interface StepInfo {
  /** Optimiser steps done before this one, over the whole run. */
  readonly step: number;
  /** Epoch that this step belongs to, counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

/** What is known before the first step. */
export interface HostInfo {
  /** n, images of this worker in a (micro-)batch. Of all workers: {@link globalBatch}. */
  readonly batch: number;
  /** Who shares the run; `compose` fills it in. Absent: this process alone. */
  readonly workers?: WorkersInfo;
  /** Input side in pixels. */
  readonly side: number;
  /** d, size of an embedding. */
  readonly dim: number;
  /** c, channels of map and pooled feature. */
  readonly channels: number;
  /** Cells along one side of the feature map. */
  readonly grid: number;
  /** Pixels per cell. */
  readonly stride: number;
  /** Views whose passes are trained as anchors, for example ['view1'] for asymmetric MoCo. */
  readonly anchorViews: readonly ViewName[];
  /** Rows of the shared negative block of each term, in-batch ones of all workers included; 0 where a term has none. */
  readonly negativeRows: Readonly<Record<string, number>>;
  /** True if target embeddings come from a momentum encoder, false if they are the online network's, gradient stopped. */
  readonly momentumTarget: boolean;
}

/** Images of all workers in a (micro-)batch: n W. */
export const globalBatch = ({ batch, workers }: Pick<HostInfo, 'batch' | 'workers'>): number =>
  batch * (workers?.size ?? 1);

/**
 * The part of a draw that belongs to this worker's images.
 *
 * @param all one entry for each image (or block of consecutive images) of all workers along `axis`.
 */
export function ownRows<R extends tf.Rank>(
  { workers = ONE_WORKER }: Pick<HostInfo, 'workers'>,
  all: HostTensor<R>,
  axis = 0,
): HostTensor<R> {
  const { size, rank } = workers;
  if (size === 1) return all;
  const shape = [...(all.shape as number[])];
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const whole = shape[axis]! * inner;
  const part = whole / size;
  shape[axis] = shape[axis]! / size;
  const data = all.data.slice(0, all.data.length / size);
  for (let at = 0, to = 0; at < all.data.length; at += whole, to += part) {
    data.set(all.data.subarray(at + rank * part, at + (rank + 1) * part), to);
  }
  return { shape: shape as tf.ShapeMap[R], dtype: all.dtype, data };
}

/** Rows after the host's heads. */
export interface Embedded {
  /** Projector's output, raw, [n, d]. */
  readonly projection: tf.Tensor2D;
  /** Unit rows [n, d]: after the predictor, if this branch has one; else the projection's. */
  readonly embedding: tf.Tensor2D;
}

/** A pass of one branch. Heads run on first read of `projection` or `embedding`. */
export interface Encoded extends Embedded {
  /** [n, g, g, c]. */
  readonly map: tf.Tensor4D;
  /** [n, c]. */
  readonly pooled: tf.Tensor2D;
}

/** Online or target network of a host. The target never passes gradient. */
export interface Branch {
  /** Pass over a view of this batch: run once, on first use. */
  view(name: ViewName): Encoded;
  /** One extra pass over `images` [n, S, S, 3], with batch statistics of its own. `updateStats` default true. */
  encode(images: tf.Tensor4D, options?: { readonly updateStats?: boolean }): Encoded;
  /** The host's heads on pooled rows [n, c], one call. */
  project(pooled: tf.Tensor2D): Embedded;
}

/** What the hooks inside a step may read. */
export interface StepIo<S extends State = State> {
  /** Views of this batch, [n, S, S, 3] each. */
  readonly images: Readonly<Record<ViewName, tf.Tensor4D>>;
  /** Index of each image in the data set, int32 [n]. */
  readonly ids: tf.Tensor1D;
  /** Class of each image, int32 [n], −1 where unknown. For metrics only. */
  readonly labels: tf.Tensor1D;
  readonly online: Branch;
  readonly target: Branch;
  /** The host's terms, unedited. */
  readonly hostTerms: readonly Term[];
  readonly state: S;
  /** What this plug-in's `phase` hook said. */
  readonly phase: string;
  /** The processes that train together; {@link ALONE} by default. What enters state must be gathered: state is equal on all workers. */
  readonly workers: Collective;
}

/** What is known of a term before the first step. */
export interface TermOutline {
  /** `one`: one row of its own for each anchor (`paired`, [n, 1, d]); `several`: more, or rows that anchors share. */
  readonly positives: 'one' | 'several';
}

/** The terms at one place in the list of plug-ins, by name. */
export type TermOutlines = Readonly<Record<string, TermOutline>>;

/**
 * A method. All hooks are optional; each has one combination rule: *chain* = output feeds the next plug-in, in list order;
 * *own* = the result is kept under the plug-in's name and nobody else sees it.
 *
 * Hooks from `encode` on run inside the recorded step: they are pure functions of tensors and of `phase`, and within one phase all
 * shapes are fixed. (Method syntax on purpose: hooks stay assignable when D, F, S differ.)
 */
export interface Plugin<D extends HostTensors = HostTensors, F extends Tensors = Tensors, S extends State = State> {
  /** Unique; prefix of its state, metrics and errors. */
  readonly name: string;
  /** Resolved options; stored with the run. */
  readonly options: JsonObject;
  /** The list of terms starts empty. At most one plug-in of a run. */
  readonly replacesHostLoss?: boolean;
  /** chain: which views the loader must make. */
  views?(plan: ViewPlan): ViewPlan;
  /** own: checks that the host fits (`SslError` `INCOMPATIBLE`) and allocates state. */
  init?(host: HostInfo, rng: Rng): S;
  /**
   * chain: what `edit` will make of the terms, so that plug-ins that do not go together are refused before the first step. Starts from
   * the host's terms, or from none where a plug-in replaces the loss. Throws (`SslError` `INCOMPATIBLE`) if a term that it needs is not
   * there or not as it needs it. Default: the terms stay; after a plug-in with `edit` but without this hook nothing is known and nobody is asked.
   */
  outline?(terms: TermOutlines): TermOutlines;
  /** own: label of what it does at this step; a step is recorded once per set of labels. Default `on`. */
  phase?(step: StepInfo, host: HostInfo): string;
  /**
   * own: the only place with randomness; also values that change over time. `rng` is this plug-in's stream for this step, the same on
   * all workers: what is shared (a permutation of the queue, one coefficient for all) is equal on all of them; draw what belongs to
   * an image for {@link globalBatch} images and take {@link ownRows}.
   */
  draw?(rng: Rng, step: StepInfo, host: HostInfo): D;
  /** own: extra passes, inside the gradient tape. */
  encode?(io: StepIo<S> & { readonly draws: OnDevice<D> }): F;
  /** chain: adds, widens, moves or replaces comparisons. */
  edit?(terms: readonly Term[], io: StepIo<S> & { readonly draws: OnDevice<D>; readonly features: F }): readonly Term[];
  /** own: metrics from scores already computed; cannot change the loss. Scalars are logged, larger tensors go to the step record. */
  observe?(
    scored: readonly ScoredTerm[],
    io: StepIo<S> & { readonly draws: OnDevice<D>; readonly features: F },
  ): Tensors;
  /** own: after the optimiser; the only place that writes state (`variable.assign`). */
  commit?(io: StepIo<S> & { readonly draws: OnDevice<D>; readonly features: F }): void;
}

/** Keeps the types of draws, features and state of one plug-in together. */
export const definePlugin = <D extends HostTensors, F extends Tensors, S extends State>(
  plugin: Plugin<D, F, S>,
): Plugin<D, F, S> => plugin;
