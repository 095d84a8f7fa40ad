import {
  batchNorm,
  conv2d,
  type Initializer,
  type Module,
  prefixed,
  relu,
  type WeightSpecs,
  withRecompute,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { outputSide } from './count.js';

/** What all blocks of one network share. */
export interface BlockSettings {
  readonly splits: number;
  readonly zeroInitResidual: boolean;
  readonly convInit: Initializer;
}

/** A part of the network on maps, with its arithmetic. */
export interface MapModule extends Module<tf.Tensor4D, tf.Tensor4D> {
  readonly outputs: number;
  outputSide(side: number): number;
  /** Multiply-adds for one image of this side. */
  multiplyAdds(side: number): number;
}

interface ConvShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly size: number;
  readonly stride: number;
  readonly padding: number;
}

/** Convolution without bias, `<conv>/kernel`, then batch norm, `<norm>/…`. */
export function convNorm(
  names: { readonly conv: string; readonly norm: string },
  { inputs, outputs, size, stride, padding }: ConvShape,
  { splits, convInit: init }: BlockSettings,
  zeroInit = false,
): MapModule {
  const kernel = `${names.conv}/kernel`;
  const norm = prefixed(names.norm, batchNorm(outputs, { splits, zeroInit }));
  const out = (side: number) => outputSide(side, size, stride, padding);
  return {
    specs: { [kernel]: { shape: [size, size, inputs, outputs], role: 'kernel', init }, ...norm.specs },
    apply: (weights, x, pass) => norm.apply(weights, conv2d(x, weights[kernel]!, { stride, padding }), pass),
    outputs,
    outputSide: out,
    multiplyAdds: (side) => size * size * inputs * outputs * out(side) ** 2,
  };
}

/** One after the other. */
export function chain(parts: readonly MapModule[]): MapModule {
  return {
    specs: Object.assign({}, ...parts.map((part) => part.specs)) as WeightSpecs,
    apply: (weights, x, pass) => parts.reduce((map, part) => part.apply(weights, map, pass), x),
    outputs: parts[parts.length - 1]!.outputs,
    outputSide: (side) => parts.reduce((s, part) => part.outputSide(s), side),
    multiplyAdds: (side) => {
      let s = side;
      return parts.reduce((sum, part) => {
        const here = part.multiplyAdds(s);
        s = part.outputSide(s);
        return sum + here;
      }, 0);
    },
  };
}

const withRelu = (part: MapModule): MapModule => ({ ...part, apply: (...args) => relu(part.apply(...args)) });

/**
 * Residual block: relu(branch(x) + shortcut(x)); all layers of the branch but the last end in a ReLU. The shortcut is the identity, or
 * a strided 1×1 convolution with batch norm where shapes differ.
 */
function residual(layers: readonly MapModule[], shortcut: MapModule | undefined): MapModule {
  const branch = chain(layers.map((layer, i) => (i < layers.length - 1 ? withRelu(layer) : layer)));
  return {
    ...branch,
    specs: { ...branch.specs, ...shortcut?.specs },
    apply: (weights, x, pass) => {
      const y = branch.apply(weights, x, pass);
      const straight = shortcut === undefined ? x : shortcut.apply(weights, x, pass);
      return relu(tf.add(y, straight) as tf.Tensor4D);
    },
    multiplyAdds: (side) => branch.multiplyAdds(side) + (shortcut?.multiplyAdds(side) ?? 0),
  };
}

/** A kind of block: `width` is that of its 3×3 convolution. */
export type MakeBlock = (inputs: number, width: number, stride: number, settings: BlockSettings) => MapModule;

const names = (i: number) => ({ conv: `conv${i}`, norm: `bn${i}` });
const shortcutOf = (inputs: number, outputs: number, stride: number, settings: BlockSettings) =>
  stride === 1 && inputs === outputs
    ? undefined
    : convNorm(
        { conv: 'shortcut/conv', norm: 'shortcut/bn' },
        { inputs, outputs, size: 1, stride, padding: 0 },
        settings,
      );

/** Two 3×3 convolutions (ResNet-18 and -34). */
export const basicBlock: MakeBlock = (inputs, width, stride, settings) =>
  residual(
    [
      convNorm(names(1), { inputs, outputs: width, size: 3, stride, padding: 1 }, settings),
      convNorm(
        names(2),
        { inputs: width, outputs: width, size: 3, stride: 1, padding: 1 },
        settings,
        settings.zeroInitResidual,
      ),
    ],
    shortcutOf(inputs, width, stride, settings),
  );

/** 1×1, 3×3 (which carries the stride: torchvision's v1.5), 1×1 to four times the width (ResNet-50). */
export const bottleneck: MakeBlock = (inputs, width, stride, settings) =>
  residual(
    [
      convNorm(names(1), { inputs, outputs: width, size: 1, stride: 1, padding: 0 }, settings),
      convNorm(names(2), { inputs: width, outputs: width, size: 3, stride, padding: 1 }, settings),
      convNorm(
        names(3),
        { inputs: width, outputs: 4 * width, size: 1, stride: 1, padding: 0 },
        settings,
        settings.zeroInitResidual,
      ),
    ],
    shortcutOf(inputs, 4 * width, stride, settings),
  );

/** `module` under `prefix/`, keeping its arithmetic. */
export const named = (prefix: string, module: MapModule, recomputed = false): MapModule => ({
  ...module,
  ...prefixed(prefix, recomputed ? withRecompute(module) : module),
});
