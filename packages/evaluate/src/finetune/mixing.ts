import type { HostTensor, Rng } from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';

/** Mixing two images of a batch and their labels. λ ~ Beta(α, α); each batch is mixed by one of the two, at even odds. */
export interface Mixing {
  /** α of mixup, > 0:  λ·image + (1 − λ)·partner. */
  readonly mixup: number;
  /** α of CutMix, > 0: a box of 1 − λ of the area comes from the partner; λ is what is left of the image. */
  readonly cutmix: number;
}

/** One-hot rows smoothed towards the uniform distribution: 1 − ε + ε/C at the class, ε/C elsewhere; [n, classes]. */
export function smoothTargets(labels: ArrayLike<number>, classes: number, smoothing: number): Float32Array {
  const rows = new Float32Array(labels.length * classes).fill(smoothing / classes);
  for (let i = 0; i < labels.length; i++) rows[i * classes + labels[i]!]! += 1 - smoothing;
  return rows;
}

/** A mixed copy of a batch and of its target rows: every image with another one, by one random permutation. */
export function mixBatch(
  images: HostTensor<tf.Rank.R4>,
  targets: Float32Array,
  { mixup, cutmix }: Mixing,
  rng: Rng,
): { readonly images: HostTensor<tf.Rank.R4>; readonly targets: Float32Array } {
  const [n, height, width, channels] = images.shape;
  const partner = rng.permutation(n);
  const cuts = rng.uniform() < 0.5;
  const drawn = cuts ? rng.beta(cutmix, cutmix) : rng.beta(mixup, mixup);
  const data = Float32Array.from(images.data);
  const size = height * width * channels;
  const [y0, y1, x0, x1] = cuts ? boxOf(height, width, drawn, rng) : [0, height, 0, width];
  const kept = cuts ? 1 - ((y1 - y0) * (x1 - x0)) / (height * width) : drawn;
  const ownInside = cuts ? 0 : drawn;
  for (let i = 0; i < n; i++) {
    const [own, other] = [i * size, partner[i]! * size];
    for (let y = y0; y < y1; y++) {
      for (let v = (y * width + x0) * channels; v < (y * width + x1) * channels; v++) {
        data[own + v] = ownInside * images.data[own + v]! + (1 - ownInside) * images.data[other + v]!;
      }
    }
  }
  const classes = targets.length / n;
  const mixed = targets.map((value, at) => {
    const other = targets[partner[Math.floor(at / classes)]! * classes + (at % classes)]!;
    return kept * value + (1 - kept) * other;
  });
  return { images: { ...images, data }, targets: mixed };
}

/** A box of √(1 − λ) of both sides around a random centre, cut at the border. */
function boxOf(height: number, width: number, lambda: number, rng: Rng): [number, number, number, number] {
  const side = Math.sqrt(1 - lambda);
  const range = (length: number): [number, number] => {
    const centre = Math.floor(rng.uniform() * length);
    const half = Math.floor((side * length) / 2);
    return [Math.max(0, centre - half), Math.min(length, centre + half)];
  };
  return [...range(height), ...range(width)];
}
