import {
  type Host,
  type HostTensors,
  hostTensor,
  Rng,
  type State,
  sgd,
  Trainer,
  type ViewRecipe,
} from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';

const plain: ViewRecipe = { name: 'plain', steps: [], mean: [0, 0, 0], std: [1, 1, 1] };

/** A trainer of 8 × 8 images that runs in milliseconds. */
export const trainerOf = (
  host: Host<HostTensors, State>,
  { batch = 4, learningRate = 0.05, accumulate = 1, seed = 1 } = {},
) =>
  new Trainer({
    host,
    ...{ batch, accumulate, seed, side: 8, epochs: 10, stepsPerEpoch: 4, recipes: [plain] },
    optimizer: sgd({ learningRate }),
    schedule: () => learningRate,
  });

/** Pairs of noisy views of random images, with the classes 0, 1, 0, 1, … */
export function batchOf(seed: number, count = 4, noise = 0.3) {
  const rng = Rng.create(seed);
  const size = count * 8 * 8 * 3;
  const base = Float32Array.from({ length: size }, () => rng.normal());
  const view = () =>
    hostTensor<tf.Rank.R4>(
      [count, 8, 8, 3],
      base.map((v) => v + noise * rng.normal()),
    );
  const indices = Int32Array.from({ length: count }, (_, i) => i);
  return {
    images: { view1: view(), view2: view() },
    ids: hostTensor<tf.Rank.R1>([count], indices),
    labels: hostTensor<tf.Rank.R1>(
      [count],
      indices.map((i) => i % 2),
    ),
  };
}

type Batch = ReturnType<typeof batchOf>;

/** Two batches as one. */
export function joined(a: Batch, b: Batch): Batch {
  const images = (view: 'view1' | 'view2') =>
    hostTensor<tf.Rank.R4>(
      [a.images[view].shape[0] + b.images[view].shape[0], 8, 8, 3],
      Float32Array.of(...a.images[view].data, ...b.images[view].data),
    );
  const vector = (key: 'ids' | 'labels') =>
    hostTensor<tf.Rank.R1>([a[key].data.length + b[key].data.length], Int32Array.of(...a[key].data, ...b[key].data));
  return { images: { view1: images('view1'), view2: images('view2') }, ids: vector('ids'), labels: vector('labels') };
}
