import * as tf from '@tensorflow/tfjs-core';
import {
  type Backbone,
  cosine,
  defineHost,
  type Host,
  type HostTensors,
  hostScalar,
  hostTensor,
  type Module,
  type Pass,
  Rng,
  type State,
  softmax,
  type ViewRecipe,
  type WeightSpec,
  type Weights,
} from '../src/index.js';

export const recipe: ViewRecipe = { name: 'plain', steps: [], mean: [0, 0, 0], std: [1, 1, 1] };

const kernel = (rows: number, columns: number): WeightSpec => ({
  shape: [rows, columns],
  role: 'kernel',
  init: ([inputs = 0, outputs = 0], rng) =>
    Float32Array.from({ length: inputs * outputs }, () => rng.normal() / Math.sqrt(inputs)),
});

/** x ↦ x · kernel. */
export const dense = (inputs: number, outputs: number): Module => ({
  specs: { kernel: kernel(inputs, outputs) },
  apply: (weights, x) => tf.matMul(x, weights.kernel as unknown as tf.Tensor2D),
});

/**
 * One 1 × 1 convolution with 4 channels, ReLU, and (with `centred`) the batch mean of the pooled feature taken off: a running
 * statistic with a batch statistic's side effects.
 */
export function tinyBackbone({ centred = false } = {}): Backbone {
  const channels = 4;
  const centre = (weights: Weights, pooled: tf.Tensor2D, { training, updateStats }: Pass): tf.Tensor2D => {
    const mean = training ? tf.mean(pooled, 0) : (weights.mean as tf.Tensor);
    if (training && updateStats) weights.mean!.assign(tf.add(tf.mul(weights.mean!, 0.9), tf.mul(mean, 0.1)));
    return tf.sub(pooled, mean);
  };
  return {
    name: 'tiny',
    options: { centred },
    channels,
    stride: 1,
    grid: (side) => side,
    specs: {
      kernel: kernel(3, channels),
      ...(centred && { mean: { shape: [channels], role: 'statistic', init: () => new Float32Array(channels) } }),
    },
    apply: (weights, images, pass) => {
      const [n, side] = images.shape;
      const cells = tf.relu(tf.matMul(tf.reshape(images, [-1, 3]), weights.kernel as unknown as tf.Tensor2D));
      const map = tf.reshape(cells, [n, side, side, channels]) as tf.Tensor4D;
      const pooled = tf.mean(map, [1, 2]) as tf.Tensor2D;
      return { map, pooled: centred ? centre(weights, pooled, pass) : pooled };
    },
  };
}

export interface TinyState extends State {
  readonly queue: tf.Variable;
}

/** One positive per anchor, a queue of 8 keys, and a momentum encoder whose rate is a draw. */
export const momentumHost = (overrides: Partial<Host<HostTensors, TinyState>> = {}, centred = false) =>
  defineHost<HostTensors, TinyState>({
    name: 'tiny-moco',
    options: { centred },
    networks: { backbone: tinyBackbone({ centred }), projector: dense(4, 3), target: 'momentum' },
    views: ([first]) => ({ view1: first!, view2: first! }),
    info: ({ batch, side }) => ({
      batch,
      side,
      dim: 3,
      channels: 4,
      grid: side,
      stride: 1,
      anchorViews: ['view1'],
      negativeRows: { global: 8 },
      momentumTarget: true,
    }),
    init: (_info, rng) => ({
      queue: tf.tidy(() =>
        tf.variable(
          tf.tensor2d(
            Float32Array.from({ length: 24 }, () => rng.normal() / 2),
            [8, 3],
          ),
          false,
        ),
      ),
    }),
    draw: () => ({ momentum: hostScalar(0.5) }),
    begin: ({ onlineWeights, targetWeights, draws }) => {
      for (const [name, target] of Object.entries(targetWeights)) {
        if (!onlineWeights[name]!.trainable) continue;
        const m = draws.momentum!;
        target.assign(tf.add(tf.mul(target, m), tf.mul(onlineWeights[name]!, tf.sub(1, m))));
      }
    },
    terms: ({ online, target, state }) => [
      {
        name: 'global',
        weight: 1,
        comparisons: [
          {
            from: 'view1',
            to: 'view2',
            anchors: online.view('view1').embedding,
            positives: { kind: 'paired', rows: tf.expandDims(target.view('view2').embedding, 1) },
            negatives: [{ kind: 'shared', rows: state.queue as unknown as tf.Tensor2D }],
            temperature: 0.5,
            share: 1,
            objective: softmax,
          },
        ],
      },
    ],
    observe: ({ online }) => ({ spread: tf.mean(tf.square(online.view('view1').embedding)) }),
    commit: ({ state, target }) => {
      const keys = target.view('view2').embedding;
      const kept = tf.slice(state.queue as unknown as tf.Tensor2D, [0, 0], [8 - keys.shape[0], 3]);
      state.queue.assign(tf.concat([keys, kept]));
    },
    ...overrides,
  });

/** Predictor of each view against the stopped projection of the other (SimSiam). */
export const siameseHost = (overrides: Partial<Host> = {}, centred = false) => {
  const direction = (from: string, to: string) => ({ from, to });
  return defineHost<HostTensors, State>({
    name: 'tiny-siam',
    options: {},
    networks: {
      backbone: tinyBackbone({ centred }),
      projector: dense(4, 3),
      predictor: dense(3, 3),
      target: 'online',
    },
    views: ([first]) => ({ view1: first!, view2: first! }),
    info: ({ batch, side }) => ({
      batch,
      side,
      dim: 3,
      channels: 4,
      grid: side,
      stride: 1,
      anchorViews: ['view1', 'view2'],
      negativeRows: { global: 0 },
      momentumTarget: false,
    }),
    terms: ({ online, target }) => [
      {
        name: 'global',
        weight: 1,
        comparisons: [direction('view1', 'view2'), direction('view2', 'view1')].map(({ from, to }) => ({
          from,
          to,
          anchors: online.view(from).embedding,
          positives: { kind: 'paired' as const, rows: tf.expandDims(target.view(to).embedding, 1) as tf.Tensor3D },
          negatives: [],
          temperature: 1,
          share: 0.5,
          objective: cosine(0, -1),
        })),
      },
    ],
    ...overrides,
  });
};

/** `count` images of random pixels for each view. */
export function tinyBatch(seed: number, views: readonly string[] = ['view1', 'view2'], count = 4, side = 2) {
  const rng = Rng.create(seed);
  const shape: [number, number, number, number] = [count, side, side, 3];
  const image = () =>
    hostTensor<tf.Rank.R4>(
      shape,
      Float32Array.from({ length: count * side * side * 3 }, () => rng.normal()),
    );
  return {
    images: Object.fromEntries(views.map((view) => [view, image()])),
    ids: hostTensor<tf.Rank.R1>(
      [count],
      Int32Array.from({ length: count }, (_, i) => i),
    ),
  };
}
