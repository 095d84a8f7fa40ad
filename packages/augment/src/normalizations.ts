import type { Normalization } from './kernel/pixel-op.js';

/** Channel means and standard deviations of the usual data sets. Spec "hosts" section 3. */
export const NORMALIZATIONS = {
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  /** MoCo's CIFAR demo and the W-MSE benchmark. */
  cifar10: { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  /** solo-learn. */
  cifar10Solo: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  cifar100: { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
  /** The W-MSE benchmark. */
  stl10: { mean: [0.43, 0.42, 0.39], std: [0.27, 0.26, 0.27] },
  /** solo-learn. */
  stl10Solo: { mean: [0.4914, 0.4823, 0.4466], std: [0.247, 0.243, 0.261] },
  tinyImagenet: { mean: [0.48, 0.448, 0.398], std: [0.277, 0.269, 0.282] },
} as const satisfies Record<string, Normalization>;
