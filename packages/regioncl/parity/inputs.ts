import {
  type Branch,
  type Comparison,
  type HostTensor,
  type HostTensors,
  hostInts,
  hostTensor,
  inversePermutation,
  type Tensors,
  type Term,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { maskSides, type Rectangle, type RegionclOptions, regioncl } from '../src/index.js';
import { ioOf } from '../test/regions.js';

export type Nested = number | readonly Nested[];
export interface Box {
  readonly gy: number;
  readonly gx: number;
  readonly gh: number;
  readonly gw: number;
}

export const flatten = (v: Nested): number[] => (typeof v === 'number' ? [v] : v.flatMap(flatten));
export const shapeOf = (v: Nested): number[] => (typeof v === 'number' ? [] : [v.length, ...shapeOf(v[0]!)]);
export const onHost = (v: Nested): HostTensor => hostTensor(shapeOf(v) as [number], flatten(v));
export const allOnHost = (values: Readonly<Record<string, Nested>>, prefix = ''): HostTensors =>
  Object.fromEntries(Object.entries(values).map(([name, v]) => [prefix + name, onHost(v)]));
export const below = (prefix: string, tensors: Tensors): Record<string, tf.Tensor> =>
  Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, t]) => [name.slice(prefix.length), t]),
  );

/** An aligned rectangle of given cells. */
export function rectangle({ gy, gx, gh, gw }: Box, grid: number, stride: number): Rectangle {
  const side = (first: number, count: number) => ({
    start: first * stride,
    size: count * stride,
    cells: Float32Array.from({ length: grid }, (_, c) => (c >= first && c < first + count ? 1 : 0)),
  });
  return { rows: side(gy, gh), columns: side(gx, gw) };
}

export const drawsFor = (
  boxes: Readonly<Record<string, Box>>,
  permutation: readonly number[],
  grid: number,
): HostTensors => ({
  partner: hostInts(permutation),
  inverse: hostInts(inversePermutation(permutation)),
  ...Object.assign(
    {},
    ...Object.entries(boxes).map(([view, box]) => maskSides(view, [rectangle(box, grid, 1)], { side: grid, grid })),
  ),
});

/** Parameters that references of any form may state; all of them have defaults. */
export interface RegionParams {
  readonly regionWeight?: number;
  readonly canvasWeight?: number;
  readonly pasteWeight?: number;
  readonly intraNegative?: boolean;
  readonly intraStopGrad?: boolean;
  readonly queueNegatives?: boolean;
  readonly tauRegion?: number;
  readonly maskedFixedPoints?: boolean;
}

/** Options of the plug-in. The released code has no mask: an image that is its own partner is its own negative there. */
export function optionsOf(p: RegionParams): RegionclOptions {
  const given = {
    ...{ regionWeight: p.regionWeight, canvasWeight: p.canvasWeight, pasteWeight: p.pasteWeight },
    ...{ intraNegative: p.intraNegative, intraStopGradient: p.intraStopGrad, hostNegatives: p.queueNegatives },
    ...{ temperature: p.tauRegion, maskFixedPoints: p.maskedFixedPoints ?? false },
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Terms after RegionCL, and the features that it encoded. */
export function withRegions(
  options: RegionclOptions,
  given: { online: Branch; target: Branch; comparisons: readonly Comparison[]; draws: Tensors; side: number },
): { readonly terms: readonly Term[]; readonly features: Tensors } {
  const io = ioOf(given);
  const plugin = regioncl(options);
  const features = plugin.encode!(io as never);
  return { terms: plugin.edit!(io.hostTerms, { ...io, features } as never), features };
}

export const onePositive = (rows: tf.Tensor2D) =>
  ({ kind: 'paired', rows: tf.expandDims(rows, 1) as tf.Tensor3D }) as const;

/** Gradients of `loss` at the float inputs called `names`, under `grad<Name>` or `<group>.<weight>`. */
export function gradientsAt(inputs: Tensors, names: readonly string[], loss: (all: Tensors) => tf.Scalar): Tensors {
  const gradients = tf.grads((...xs: tf.Tensor[]) =>
    loss({ ...inputs, ...Object.fromEntries(names.map((name, i) => [name, xs[i]!])) }),
  )(names.map((name) => inputs[name]!));
  return Object.fromEntries(names.map((name, i) => [name, gradients[i]!]));
}

/** `grad/<name>` of the outputs, nested below each group. */
export const gradientsBelow = (prefix: string, outputs: HostTensors) =>
  Object.fromEntries(
    Object.entries(outputs)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, t]) => [name.slice(prefix.length), t]),
  );
