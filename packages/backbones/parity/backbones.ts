import { type HostTensor, hostTensor, type Pass, type WeightSpecs, type Weights } from '@contrastive/core';
import type { ParityContext, ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { type ResNet, resnet18, type Stem, vit } from '../src/index.js';
import { sinCosCode } from '../src/position.js';

interface Entry {
  readonly layer: number;
  readonly shape: readonly number[];
  readonly kind: 'weight' | 'gamma' | 'small';
  readonly fanIn?: number;
  readonly gain?: number;
}
type StepOutputs = Readonly<Record<string, tf.Tensor>>;

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The fixtures' integer hash, in [−1, 1). */
function u(i: number, layer: number): number {
  let h = (Math.imul(i, 2654435761) + Math.imul(layer, 40503) + 12345) >>> 0;
  h = (h ^ (h >>> 15)) >>> 0;
  h = Math.imul(h, 2246822519) >>> 0;
  h = (h ^ (h >>> 13)) >>> 0;
  return (h / 2 ** 32) * 2 - 1;
}

const hashed = (shape: readonly number[], layer: number, f: (v: number) => number = (v) => v): HostTensor =>
  hostTensor(
    shape as unknown as HostTensor['shape'],
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => f(u(i, layer))),
  );

function entryValues({ layer, shape, kind, fanIn = 1, gain = 1 }: Entry): Float32Array {
  const scale = gain * Math.sqrt(3 / fanIn);
  const rules = {
    weight: (v: number) => scale * v,
    gamma: (v: number) => 1 + 0.1 * v,
    small: (v: number) => 0.1 * v,
  };
  return hashed(shape, layer, rules[kind]).data as Float32Array;
}

/** Trained weights take the manifest's values in order (both list forward order); statistics start at mean 0 and variance 1. */
function fixtureWeights(specs: WeightSpecs, manifest: readonly Entry[]): Weights {
  const entries = [...manifest];
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, role, init }]) => {
      const entry = role === 'statistic' ? undefined : entries.shift()!;
      if (entry !== undefined && String(entry.shape) !== String(shape))
        throw new Error(`${name} is [${shape}], the manifest has [${entry.shape}].`);
      const values = entry === undefined ? init(shape, undefined as never) : entryValues(entry);
      return [name, tf.variable(tf.tensor(values, [...shape]), true)];
    }),
  );
}

const trainedNames = (specs: WeightSpecs): string[] =>
  Object.keys(specs).filter((name) => specs[name]!.role !== 'statistic');

/** Loss Σ features × upstream, and the Euclidean norm and the sum of each weight's gradient. */
function gradientSummary(weights: Weights, names: readonly string[], features: () => tf.Tensor, upstream: tf.Tensor) {
  const variables = names.map((name) => weights[name]!);
  const { value, grads } = tf.variableGrads(() => tf.sum(tf.mul(features(), upstream)) as tf.Scalar, variables);
  const ordered = variables.map((v) => grads[v.name]!);
  return {
    scalarLoss: value,
    gradNorms: tf.stack(ordered.map((g) => tf.norm(g))),
    gradSums: tf.stack(ordered.map((g) => tf.sum(g))),
  };
}

const TRAIN: Pass = { training: true, updateStats: true };
const STILL: Pass = { training: true, updateStats: false };
const EVAL: Pass = { training: false, updateStats: false };

/** Mean, standard deviation, largest magnitude and first values of a map. */
function mapSummary(map: HostTensor) {
  const values = Array.from(map.data);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  const absMax = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  return { shape: [...map.shape], mean, std, absMax, first8: values.slice(0, 8) };
}
type MapSummary = ReturnType<typeof mapSummary>;

const stageTensors = (prefix: string, net: ResNet, weights: Weights, x: tf.Tensor4D, pass: Pass): StepOutputs =>
  Object.fromEntries(Object.entries(net.stages(weights, x, pass)).map(([name, map]) => [`${prefix}/${name}`, map]));

function stageSummaries(prefix: string, outputs: Readonly<Record<string, HostTensor>>): Record<string, MapSummary> {
  const own = Object.entries(outputs).filter(([name]) => name.startsWith(`${prefix}/`));
  const label = (name: string) => name.slice(prefix.length + 1).replace('pool', 'afterPool');
  return Object.fromEntries(own.map(([name, map]) => [label(name), mapSummary(map)]));
}

const resnetKind: ParityKinds[string] = async ({ inputs, params }, { run }) => {
  const { inputShape } = inputs as { inputShape: readonly number[] };
  const { stem, baseWidth, manifest } = params as { stem: string; baseWidth: number; manifest: readonly Entry[] };
  const net = resnet18({ stem: (stem === 'stl' ? 'small' : stem) as Stem, width: baseWidth / 64 });
  const weights = fixtureWeights(net.specs, manifest);
  const images = hashed(inputShape, 1000);
  const upstream = hashed([inputShape[0]!, net.channels], 1001);
  const before = await run(
    ({ images: x, upstream: dy }) => ({
      ...stageTensors('eval', net, weights, x as tf.Tensor4D, EVAL),
      ...stageTensors('train', net, weights, x as tf.Tensor4D, STILL),
      featuresEvalInit: net.apply(weights, x as tf.Tensor4D, EVAL).pooled,
      ...gradientSummary(
        weights,
        trainedNames(net.specs),
        () => net.apply(weights, x as tf.Tensor4D, STILL).pooled,
        dy!,
      ),
    }),
    { images, upstream },
    weights,
  );
  const trained = await run(
    ({ images: x }) => ({ featuresTrain: net.apply(weights, x as tf.Tensor4D, TRAIN).pooled }),
    { images },
    weights,
  );
  const after = await run(
    ({ images: x }) => ({ featuresEvalAfterOneTrain: net.apply(weights, x as tf.Tensor4D, EVAL).pooled }),
    { images },
    weights,
  );
  return {
    ...before,
    ...trained,
    ...after,
    stagesEvalInit: stageSummaries('eval', before),
    stagesTrain: stageSummaries('train', before),
    stemRunningMean: weights['stem/bn/mean'],
    stemRunningVar: weights['stem/bn/variance'],
  };
};

const vitKind: ParityKinds[string] = async ({ inputs, params }, { run }: ParityContext) => {
  const { inputShape } = inputs as { inputShape: readonly number[] };
  const { manifest, ...shape } = params as { manifest: readonly Entry[]; patch: number; dim: number; depth: number };
  const { patch, dim, depth, heads, mlpRatio } = shape as typeof shape & { heads: number; mlpRatio: number };
  const options = { patch, dim, depth, heads, mlpRatio, frozenPatch: false };
  const [byCls, byMean] = [vit(options), vit({ ...options, pooling: 'mean' })];
  const weights = fixtureWeights(byCls.specs, manifest);
  const images = hashed(inputShape, 1000);
  const upstream = hashed([inputShape[0]!, dim], 1001);
  const outputs = await run(
    ({ images: x, upstream: dy }) => ({
      clsFeatures: byCls.apply(weights, x as tf.Tensor4D, EVAL).pooled,
      patchTokenMean: byMean.apply(weights, x as tf.Tensor4D, EVAL).pooled,
      ...gradientSummary(
        weights,
        trainedNames(byCls.specs),
        () => byCls.apply(weights, x as tf.Tensor4D, TRAIN).pooled,
        dy!,
      ),
    }),
    { images, upstream },
    weights,
  );
  const code = sinCosCode(byCls.grid(inputShape[1]!), dim);
  return {
    ...outputs,
    posEncodingRow1: code.slice(0, 16),
    posEncodingRowLast: code.slice(-dim).slice(0, 16),
  };
};

export const kinds: ParityKinds = { 'backbones/resnet18': resnetKind, 'backbones/vit': vitKind };
