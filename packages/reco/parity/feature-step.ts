import {
  ALONE,
  type Branch,
  type Comparison,
  type Encoded,
  type HostTensors,
  type OnDevice,
  type State,
  type StepIo,
  softmax,
  type Tensors,
  type Term,
  unit,
  type ViewName,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { type RecoOptions, reco } from '../src/index.js';

/**
 * ReCo with given weights of its terms. References report a term also where its weight is 0, which the plug-in then leaves out: so it
 * is made with weight 1, and `edit` puts the given one in its place.
 */
export function weightedReco(options: RecoOptions & { readonly lambda1: number; readonly lambda2: number }) {
  const { lambda1, lambda2 } = options;
  const plugin = reco({ ...options, lambda1: lambda1 || 1, lambda2: lambda2 || 1 });
  const weights: Readonly<Record<string, number>> = { relation: lambda1, interpolation: lambda2 };
  return {
    ...plugin,
    edit: (terms: readonly Term[], io: Io): readonly Term[] =>
      plugin.edit!(terms, io).map((term) => ({ ...term, weight: weights[term.name] ?? term.weight })),
  };
}

/** Encoder outputs of one step over MoCo v2, and its queue. */
export interface FeatureStep {
  /** Whether `query` and `mixed` are unit rows already, to differentiate by; else they are made so, as the others are. */
  readonly areUnit: boolean;
  readonly query: tf.Tensor2D;
  readonly mixed: tf.Tensor2D;
  readonly key: tf.Tensor2D;
  readonly weak: tf.Tensor2D;
  readonly queue: tf.Tensor2D;
  readonly temperature: number;
}

type Io = StepIo & { readonly draws: OnDevice<HostTensors>; readonly features: Tensors };

/** What a host would hand to the plug-in's hooks, from given encoder outputs instead of images. */
export function featureIo(step: FeatureStep, draws: Tensors, state: State): Io {
  const rows = (projection: tf.Tensor2D, isUnit = false): Encoded => ({
    projection,
    embedding: isUnit ? projection : unit(projection),
    pooled: projection,
    map: tf.reshape(projection, [projection.shape[0], 1, 1, projection.shape[1]]),
  });
  const branch = (views: Readonly<Record<ViewName, tf.Tensor2D>>, areUnit = false): Branch => {
    const encoded = Object.fromEntries(Object.entries(views).map(([name, raw]) => [name, rows(raw, areUnit)]));
    return { view: (name) => encoded[name]!, encode: () => rows(step.mixed, areUnit), project: (raw) => rows(raw) };
  };
  const online = branch({ view1: step.query }, step.areUnit);
  const target = branch({ view2: step.key, weak: step.weak });
  const comparison: Comparison = {
    from: 'view1',
    to: 'view2',
    anchors: online.view('view1').embedding,
    positives: { kind: 'paired', rows: tf.expandDims(target.view('view2').embedding, 1) as tf.Tensor3D },
    negatives: [{ kind: 'shared', rows: step.queue }],
    temperature: step.temperature,
    share: 1,
    objective: softmax,
  };
  const hostTerms: readonly Term[] = [{ name: 'global', weight: 1, comparisons: [comparison] }];
  const n = step.query.shape[0];
  const pixels = tf.zeros([n, 1, 1, 3]) as tf.Tensor4D;
  return {
    images: { view1: pixels, view2: pixels, weak: pixels },
    ids: tf.range(0, n, 1, 'int32'),
    labels: tf.fill([n], -1, 'int32') as tf.Tensor1D,
    online,
    target,
    hostTerms,
    state,
    phase: 'on',
    workers: ALONE,
    draws: draws as OnDevice<HostTensors>,
    features: {},
  };
}
