import {
  ALONE,
  type Comparison,
  cosine,
  type HostInfo,
  type OnDevice,
  type StepIo,
  scoreTerms,
  softmax,
  type Tensors,
  type Term,
} from '@contrastive/core';
import { seededRows } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import type { FtDraws } from '../src/index.js';

export interface Contrast {
  readonly anchors: tf.Tensor2D;
  readonly positives: tf.Tensor2D;
  /** Shared by all anchors; none for a host without negatives. */
  readonly queue?: tf.Tensor2D;
  readonly temperature?: number;
}

/** The terms of a host with one direction: MoCo's with a queue, SimSiam's without. */
export function contrast({ anchors, positives, queue, temperature = 0.2 }: Contrast): readonly Term[] {
  const comparison: Comparison = {
    from: 'view1',
    to: 'view2',
    anchors,
    positives: { kind: 'paired', rows: tf.expandDims(positives, 1) as tf.Tensor3D },
    negatives: queue === undefined ? [] : [{ kind: 'shared', rows: queue }],
    temperature,
    share: 1,
    objective: queue === undefined ? cosine(0, -1) : softmax,
  };
  return [{ name: 'global', weight: 1, comparisons: [comparison] }];
}

/** Spec "ft", worked example E1. */
export const example1 = (): Required<Contrast> => ({
  anchors: tf.tensor2d([
    [1, 0],
    [0.6, 0.8],
  ]),
  positives: tf.tensor2d([
    [0.8, 0.6],
    [0, 1],
  ]),
  queue: tf.tensor2d([
    [0, 1],
    [-1, 0],
    [0.6, -0.8],
  ]),
  temperature: 0.2,
});

/** Random unit rows: n anchors and positives, m negatives, d dimensions. */
export const randomContrast = (seed: number, n = 4, m = 8, d = 5): Required<Contrast> => ({
  anchors: seededRows(n, d, seed),
  positives: seededRows(n, d, seed + 1000),
  queue: seededRows(m, d, seed + 2000),
  temperature: 0.2,
});

/** Draws given by hand; a permutation of m rows gives m. */
export function drawsOf(given: {
  readonly lambdaEx?: number | tf.Tensor;
  readonly lambdaIn?: number | tf.Tensor;
  readonly order?: readonly number[];
}): OnDevice<FtDraws> {
  const { lambdaEx = 1, lambdaIn = 1, order = [] } = given;
  const coefficient = (v: number | tf.Tensor) => (typeof v === 'number' ? tf.tensor2d([[v]]) : v);
  const m = order.length;
  return {
    lambdaEx: coefficient(lambdaEx),
    [`lambdaIn/${m}`]: coefficient(lambdaIn),
    [`order/${m}`]: tf.tensor1d([...order], 'int32'),
    [`inverse/${m}`]: tf.tensor1d(
      order.map((_, i) => order.indexOf(i)),
      'int32',
    ),
  } as OnDevice<FtDraws>;
}

export type FtIo = StepIo & { readonly draws: OnDevice<FtDraws>; readonly features: Tensors };

/** What `edit` and `observe` read of a step. */
export const ioOf = (hostTerms: readonly Term[], draws: OnDevice<FtDraws>, phase = 'on'): FtIo =>
  ({ hostTerms, draws, phase, features: {}, state: {}, workers: ALONE }) as unknown as FtIo;

export const totalLoss = (terms: readonly Term[]): tf.Scalar => scoreTerms(terms).total;

export const hostInfo = (given: Partial<HostInfo> = {}): HostInfo => ({
  batch: 4,
  side: 16,
  dim: 5,
  channels: 6,
  grid: 4,
  stride: 4,
  anchorViews: ['view1'],
  negativeRows: { global: 8 },
  momentumTarget: true,
  ...given,
});
