import type { Initializer } from '@contrastive/core';

/**
 * Initial weights of a probe: `normal001`: W ~ N(0, 0.01²), b = 0 (MoCo family); `framework`: W and b uniform in ±1/√dim (PyTorch's
 * linear layer); `zeros`.
 */
export type ProbeInitializer = 'normal001' | 'framework' | 'zeros';

const zeros: Initializer = (shape) => new Float32Array(sizeOf(shape));
const uniform =
  (bound: number): Initializer =>
  (shape, rng) =>
    Float32Array.from({ length: sizeOf(shape) }, () => rng.uniform(-bound, bound));

export const INITIALIZERS: Readonly<
  Record<ProbeInitializer, { readonly kernel: Initializer; readonly bias: (dim: number) => Initializer }>
> = {
  normal001: {
    kernel: (shape, rng) => Float32Array.from({ length: sizeOf(shape) }, () => 0.01 * rng.normal()),
    bias: () => zeros,
  },
  framework: {
    kernel: (shape, rng) => uniform(1 / Math.sqrt(shape[0]!))(shape, rng),
    bias: (dim) => uniform(1 / Math.sqrt(dim)),
  },
  zeros: { kernel: zeros, bias: () => zeros },
};

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
