import type { Initializer } from '../module.js';

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const fill = (shape: readonly number[], next: () => number): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, next);

/** Inputs that one output adds up: product of all axes but the last. */
const fanIn = (shape: readonly number[]): number => sizeOf(shape.slice(0, -1));
/** Outputs that one input reaches: kernel area × output channels. */
const fanOut = (shape: readonly number[]): number => sizeOf(shape) / shape[shape.length - 2]!;

export const zeros: Initializer = (shape) => new Float32Array(sizeOf(shape));
export const ones: Initializer = (shape) => new Float32Array(sizeOf(shape)).fill(1);

/** N(0, std²). */
export const normal =
  (std: number): Initializer =>
  (shape, rng) =>
    fill(shape, () => rng.normal() * std);

/** U(−bound, bound). */
export const uniform =
  (bound: number): Initializer =>
  (shape, rng) =>
    fill(shape, () => rng.uniform(-bound, bound));

/** N(0, 2 / fan) (He et al. 2015): `fanOut` for ResNet convolutions in torchvision, `fanIn` in OpenSelfSup. */
export const kaimingNormal =
  (mode: 'fanIn' | 'fanOut'): Initializer =>
  (shape, rng) =>
    normal(Math.sqrt(2 / (mode === 'fanIn' ? fanIn(shape) : fanOut(shape))))(shape, rng);

/** U(±1/√fanIn): what PyTorch's linear and convolution layers start from. */
export const torchUniform: Initializer = (shape, rng) => uniform(1 / Math.sqrt(fanIn(shape)))(shape, rng);

/**
 * U(±√(6 / (fanIn + fanOut))) (Glorot and Bengio 2010).
 *
 * @param parts matrices of equal width that lie side by side and count one by one: 3 for joint q, k, v weights. Default 1.
 */
export const xavierUniform =
  (parts = 1): Initializer =>
  (shape, rng) =>
    uniform(Math.sqrt(6 / (fanIn(shape) + shape[shape.length - 1]! / parts)))(shape, rng);
