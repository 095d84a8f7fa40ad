import {
  conv2d,
  globalAveragePool,
  integerAtLeast,
  normal,
  type OptionIssue,
  oneOf,
  prefixed,
  resolveOptions,
  SslError,
  type WeightSpecs,
  withRecompute,
  xavierUniform,
  zeros,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import type { CountedBackbone } from './count.js';
import { sinCosCode } from './position.js';
import { layerNorm, transformerBlock } from './vit-block.js';

export interface VitOptions {
  /** Side of a patch in pixels; the input side must be a multiple of it. Default 16. CIFAR: 4; Tiny ImageNet: 8; STL-10: 8 or 12. */
  readonly patch: number;
  /** Channels of a token, divisible by 4 and by `heads`. */
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  /** Hidden width of a block's MLP, in units of `dim`. Default 4. */
  readonly mlpRatio: number;
  /** Global feature: the class token, or the mean of patch tokens (for dense and region methods). Default `cls`. */
  readonly pooling: 'cls' | 'mean';
  /** Leaves the patch projection as it starts; MoCo v3 yes, solo-learn no. Default true. */
  readonly frozenPatch: boolean;
  /** `block`: keeps only the inputs of blocks for the backward pass and computes the rest again. Default `none`. */
  readonly recompute: 'none' | 'block';
}

/** ViT-S with MoCo v3's 12 heads (DeiT and timm have 6). */
export const VIT_DEFAULTS: VitOptions = {
  patch: 16,
  dim: 384,
  depth: 12,
  heads: 12,
  mlpRatio: 4,
  pooling: 'cls',
  frozenPatch: true,
  recompute: 'none',
};

/** Any of the options. */
export type GivenVitOptions = { readonly [K in keyof VitOptions]?: VitOptions[K] | undefined };

/** 192 channels, depth 12, 12 heads; 5.5 M weights at patch 16. */
export const vitTiny = (options: GivenVitOptions = {}): CountedBackbone => build('vitTiny', { dim: 192, ...options });
/** 384 channels, depth 12, 12 heads; 21.6 M weights at patch 16. */
export const vitSmall = (options: GivenVitOptions = {}): CountedBackbone => build('vitSmall', options);
/** 768 channels, depth 12, 12 heads; 85.7 M weights at patch 16. */
export const vitBase = (options: GivenVitOptions = {}): CountedBackbone => build('vitBase', { dim: 768, ...options });
/**
 * Vision transformer in MoCo v3's form (Chen et al. 2021; spec "hosts" section 2): patch projection, class token, fixed sine-cosine
 * position code, pre-norm blocks, final layer norm; no dropout. Any input side that is a multiple of the patch fits the same weights.
 *
 * Map: the patch tokens after the final norm, on their grid. Weights `patch/…`, `cls`, `block<i>/{ln1,qkv,proj,ln2,fc1,fc2}/…`, `norm/…`.
 *
 * @throws SslError `BAD_OPTION`.
 */
export const vit = (options: GivenVitOptions = {}): CountedBackbone => build('vit', options);

function build(name: string, given: GivenVitOptions): CountedBackbone {
  const options = resolveOptions<VitOptions>(name, VIT_DEFAULTS, given, check);
  const { patch, dim, depth, heads, mlpRatio, pooling, recompute } = options;
  const block = transformerBlock(dim, heads, mlpRatio * dim);
  const one = recompute === 'block' ? withRecompute(block) : block;
  const blocks = Array.from({ length: depth }, (_, i) => prefixed(`block${i}`, one));
  const norm = prefixed('norm', layerNorm(dim));
  const grid = gridOf(name, patch);
  return {
    name,
    options: { ...options },
    channels: dim,
    stride: patch,
    grid,
    specs: Object.assign(inputSpecs(options), ...[...blocks, norm].map((part) => part.specs)) as WeightSpecs,
    apply: (weights, images, pass) => {
      const [n, side] = images.shape;
      const g = grid(side);
      const start = tokens(images, weights as InputWeights, { patch, dim, g });
      const last = blocks.reduce((x, part) => part.apply(weights, x, pass), start);
      const out = norm.apply(weights, last, pass);
      const patches = tf.slice(out, [0, 1, 0], [n, g * g, dim]);
      const cls = () => tf.reshape(tf.slice(out, [0, 0, 0], [n, 1, dim]), [n, dim]) as tf.Tensor2D;
      const map = tf.reshape(patches, [n, g, g, dim]) as tf.Tensor4D;
      return { map, pooled: pooling === 'cls' ? cls() : globalAveragePool(map) };
    },
    flops: (side) => {
      const t = grid(side) ** 2 + 1;
      const perBlock = t * dim * dim * (4 + 2 * mlpRatio) + 2 * t * t * dim;
      return 2 * ((t - 1) * patch * patch * 3 * dim + depth * perBlock);
    },
  };
}

function check(o: VitOptions): readonly OptionIssue[] {
  const divides = (by: number, rule: string): OptionIssue[] =>
    o.dim % by === 0 ? [] : [{ option: 'dim', problem: `must be divisible by ${rule}, but is ${o.dim}` }];
  return [
    ...integerAtLeast(1, o, 'patch', 'dim', 'depth', 'heads', 'mlpRatio'),
    ...oneOf(o, 'pooling', ['cls', 'mean']),
    ...oneOf(o, 'recompute', ['none', 'block']),
    ...divides(4, '4 (position code)'),
    ...divides(o.heads, `heads (${o.heads})`),
  ];
}

const gridOf = (name: string, patch: number) => (side: number) => {
  if (Number.isSafeInteger(side) && side >= patch && side % patch === 0) return side / patch;
  throw new SslError(
    'BAD_OPTION',
    `[${name}] the input side is ${side}, but it must be a positive multiple of the patch (${patch}).`,
  );
};

/** Patch projection U(±√(6 / (3 patch² + dim))), class token N(0, 1e-6²). */
const inputSpecs = ({ patch, dim, frozenPatch: frozen }: VitOptions): WeightSpecs => ({
  'patch/kernel': { shape: [patch, patch, 3, dim], role: 'kernel', init: xavierUniform(), frozen },
  'patch/bias': { shape: [dim], role: 'bias', init: zeros, frozen },
  cls: { shape: [1, 1, dim], role: 'kernel', init: normal(1e-6) },
});
type InputWeights = Readonly<Record<'patch/kernel' | 'patch/bias' | 'cls', tf.Tensor>>;

/** [cls, patches row by row] plus the position code (0 for cls), [n, 1 + g², dim]. */
function tokens(
  images: tf.Tensor4D,
  weights: InputWeights,
  { patch, dim, g }: { readonly patch: number; readonly dim: number; readonly g: number },
): tf.Tensor3D {
  const n = images.shape[0];
  const projected = tf.add(conv2d(images, weights['patch/kernel'], { stride: patch }), weights['patch/bias']);
  const placed = tf.add(tf.reshape(projected, [n, g * g, dim]), tf.tensor(sinCosCode(g, dim), [1, g * g, dim]));
  const cls = tf.add(tf.zeros([n, 1, dim]), weights.cls); // adding copies it n times, with a cheap gradient
  return tf.concat([cls, placed] as tf.Tensor3D[], 1);
}
