import {
  globalAveragePool,
  integerAtLeast,
  kaimingNormal,
  maxPool,
  oneOf,
  type Pass,
  positive,
  relu,
  resolveOptions,
  SslError,
  type WeightSpecs,
  type Weights,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { type CountedBackbone, outputSide } from './count.js';
import { type BlockSettings, basicBlock, bottleneck, chain, convNorm, type MakeBlock, named } from './resnet-layers.js';
import { upsample } from './upsample.js';

/** First layers; spec "hosts" section 2. */
export type Stem =
  /** 7×7, stride 2, padding 3, then 3×3 max-pool, stride 2: total stride 32. */
  | 'imagenet'
  /** 3×3, stride 1, padding 1, no pool: total stride 8. For 32 pixels. */
  | 'cifar'
  /** 3×3, stride 1, padding 1, then max-pool: total stride 16. For 64 to 96 pixels (STL-10, Tiny ImageNet). */
  | 'small'
  /** `cifar` with padding 2, as solo-learn has it: 5×5 cells for 32 pixels. */
  | 'cifarPadded';

export interface ResNetOptions {
  /** Default `imagenet` (torchvision). */
  readonly stem: Stem;
  /** Factor of all channels, > 0; the first stage has 64 × width, rounded to a multiple of 8 and at least 8. Default 1. */
  readonly width: number;
  /** Starts γ of the last batch norm of each block at 0: SimSiam yes, other hosts no. Default false. */
  readonly zeroInitResidual: boolean;
  /** Convolutions start from N(0, 2 / fan): `fanOut` torchvision, `fanIn` OpenSelfSup (DenseCL). Default `fanOut`. */
  readonly convInit: 'fanOut' | 'fanIn';
  /** Sub-batches of batch norm with statistics of their own, sample n in n mod splits (MoCo's CIFAR demo: 8). Default 1. */
  readonly splits: number;
  /** `block`: keeps only the inputs of blocks for the backward pass and computes the rest again. Default `none`. */
  readonly recompute: 'none' | 'block';
  /**
   * Stages in the feature map, counted from the last one. Default 1. With more, the map is as fine as the first of them: the others are
   * enlarged bilinearly and their channels stand side by side, as in a third-party segmentation port of RegionCL.
   */
  readonly mapStages: 1 | 2 | 3 | 4;
}

export const RESNET_DEFAULTS: ResNetOptions = {
  stem: 'imagenet',
  width: 1,
  zeroInitResidual: false,
  convInit: 'fanOut',
  splits: 1,
  recompute: 'none',
  mapStages: 1,
};

/** Any of the options. */
export type GivenResNetOptions = { readonly [K in keyof ResNetOptions]?: ResNetOptions[K] | undefined };

const STEMS: Readonly<Record<Stem, { size: number; stride: number; padding: number; pool: boolean }>> = {
  imagenet: { size: 7, stride: 2, padding: 3, pool: true },
  cifar: { size: 3, stride: 1, padding: 1, pool: false },
  small: { size: 3, stride: 1, padding: 1, pool: true },
  cifarPadded: { size: 3, stride: 1, padding: 2, pool: false },
};

/** ResNet-18 (He et al. 2016): two basic blocks in each of four stages; 512 channels at width 1. 11.2 M weights. */
export const resnet18 = (options: GivenResNetOptions = {}): ResNet =>
  resnet('resnet18', basicBlock, [2, 2, 2, 2], options);
/** ResNet-34: basic blocks 3, 4, 6, 3; 512 channels at width 1. 21.3 M weights. */
export const resnet34 = (options: GivenResNetOptions = {}): ResNet =>
  resnet('resnet34', basicBlock, [3, 4, 6, 3], options);
/** ResNet-50: bottleneck blocks 3, 4, 6, 3, stride on the 3×3 (v1.5); 2048 channels at width 1. 23.5 M weights. */
export const resnet50 = (options: GivenResNetOptions = {}): ResNet =>
  resnet('resnet50', bottleneck, [3, 4, 6, 3], options);

/** Maps along a ResNet, in order: `stem` (after its ReLU), `pool` (after the stem's pool, if any), `stage1` … `stage4`. */
export type StageMaps = Readonly<Record<'stem' | 'pool' | 'stage1' | 'stage2' | 'stage3' | 'stage4', tf.Tensor4D>>;

export interface ResNet extends CountedBackbone {
  /** All maps on the way, for tasks that read several scales (detection). `apply` gives the last one and its mean. */
  stages(weights: Weights, images: tf.Tensor4D, pass: Pass): StageMaps;
}

/**
 * Residual network without classifier. Map: the last stage's, after its ReLU (see `mapStages`); pooled: the mean over its cells. Weights
 * `stem/conv/kernel`, `stem/bn/…`, `stage<s>/block<b>/conv<i>/kernel`, `…/bn<i>/…`, `…/shortcut/…`; stages from 1, blocks from 0.
 *
 * @throws SslError `BAD_OPTION`.
 */
function resnet(name: string, makeBlock: MakeBlock, depths: readonly number[], given: GivenResNetOptions): ResNet {
  const options = resolveOptions<ResNetOptions>(name, RESNET_DEFAULTS, given, (o) => [
    ...oneOf(o, 'stem', Object.keys(STEMS) as Stem[]),
    ...positive(o, 'width'),
    ...oneOf(o, 'convInit', ['fanOut', 'fanIn']),
    ...integerAtLeast(1, o, 'splits'),
    ...oneOf(o, 'recompute', ['none', 'block']),
    ...oneOf(o, 'mapStages', [1, 2, 3, 4]),
  ]);
  const { stem, stages } = layersOf(options, makeBlock, depths);
  const { pool } = STEMS[options.stem];
  const poolSide = (side: number) => (pool ? outputSide(side, 3, 2, 1) : side);
  const afterPool = (side: number) => poolSide(stem.outputSide(checkSide(name, side)));
  const runStages = (weights: Weights, images: tf.Tensor4D, pass: Pass): StageMaps => {
    const first = relu(stem.apply(weights, images, pass));
    const maps = { stem: first, pool: pool ? maxPool(first) : first } as Record<keyof StageMaps, tf.Tensor4D>;
    let map = maps.pool;
    for (const [i, stage] of stages.entries()) {
      map = stage.apply(weights, map, pass);
      maps[`stage${i + 1}` as keyof StageMaps] = map;
    }
    return maps;
  };
  const first = 4 - options.mapStages; // stages in the map, from this one on
  return {
    name,
    options: { ...options },
    channels: stages.slice(first).reduce((sum, stage) => sum + stage.outputs, 0),
    stride: STEMS[options.stem].stride * (pool ? 2 : 1) * 2 ** first,
    grid: (side) => stages.slice(0, first + 1).reduce((s, stage) => stage.outputSide(s), afterPool(side)),
    specs: Object.assign({}, stem.specs, ...stages.map((stage) => stage.specs)) as WeightSpecs,
    apply: (weights, images, pass) => {
      const { stage1, stage2, stage3, stage4 } = runStages(weights, images, pass);
      const parts = [stage1, stage2, stage3, stage4].slice(first);
      const map = parts.length === 1 ? stage4 : tf.concat(enlarged(parts), 3);
      return { map, pooled: globalAveragePool(map) };
    },
    stages: runStages,
    flops: (side) => 2 * (stem.multiplyAdds(side) + chain(stages).multiplyAdds(afterPool(side))),
  };
}

/** All maps as fine as the first one. */
const enlarged = (maps: readonly tf.Tensor4D[]): tf.Tensor4D[] => maps.map((map) => upsample(map, maps[0]!.shape[1]));

function checkSide(name: string, side: number): number {
  if (Number.isSafeInteger(side) && side >= 1) return side;
  throw new SslError('BAD_OPTION', `[${name}] the input side is ${side}, but it must be an integer ≥ 1.`);
}

/** Stem without its pool, and the four stages. */
function layersOf(options: ResNetOptions, makeBlock: MakeBlock, depths: readonly number[]) {
  const { splits, zeroInitResidual, recompute, convInit } = options;
  const settings: BlockSettings = { splits, zeroInitResidual, convInit: kaimingNormal(convInit) };
  const base = Math.max(8, 8 * Math.round(8 * options.width));
  const names = { conv: 'stem/conv', norm: 'stem/bn' };
  const { size, stride, padding } = STEMS[options.stem];
  const stem = convNorm(names, { inputs: 3, outputs: base, size, stride, padding }, settings);
  let inputs = base;
  const stages = depths.map((depth, s) =>
    chain(
      Array.from({ length: depth }, (_, b) => {
        const block = makeBlock(inputs, base * 2 ** s, s > 0 && b === 0 ? 2 : 1, settings);
        inputs = block.outputs;
        return named(`stage${s + 1}/block${b}`, block, recompute === 'block');
      }),
    ),
  );
  return { stem, stages };
}
