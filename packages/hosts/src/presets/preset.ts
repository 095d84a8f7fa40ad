import type { JsonObject, RateOptions } from '@contrastive/core';
import { scaleByRoot, scaleLinearly } from '@contrastive/core';

/** `cifar`: CIFAR-10 and -100; `stl`: STL-10; `tiny`: Tiny ImageNet. */
export type DataSet = 'cifar' | 'stl' | 'tiny' | 'imagenet100' | 'imagenet';

/**
 * Whose recipe it is. `official`: the authors' code or paper; `soloLearn`, `lightly`, `wmse`: those repositories' benchmarks;
 * `practical`: our choice for one GPU or CPU, assembled from the official CIFAR demo and lightly.
 */
export type PresetSource = 'official' | 'soloLearn' | 'lightly' | 'wmse' | 'practical';

/** A part by name with its options: what the configuration of a run holds. */
export type PresetPart<N extends string> = { readonly name: N } & JsonObject;

/** Everything that a published run of a host sets, as data. Source: spec "hosts" sections 4 to 10. */
export interface HostPreset<O> {
  readonly data: DataSet;
  readonly source: PresetSource;
  /** What to know before comparing numbers. */
  readonly note?: string;
  readonly backbone: PresetPart<'resnet18' | 'resnet50' | 'vitSmall'>;
  /** Input side in pixels. */
  readonly side: number;
  /** Options of the host besides its backbone. */
  readonly host: Readonly<Omit<O, 'backbone'>>;
  /** Learning rate for `batch`, already scaled. */
  readonly optimizer: PresetPart<'sgd' | 'lars' | 'adam' | 'adamW'> & { readonly learningRate: number };
  readonly schedule: RateOptions;
  /** Name of a recipe of `@contrastive/augment`. */
  readonly recipe: string;
  /** Name of an entry of its `NORMALIZATIONS`. */
  readonly normalization: string;
  readonly batch: number;
  readonly epochs: number;
}

type Shared = 'data' | 'source' | 'backbone' | 'side' | 'normalization' | 'batch' | 'epochs' | 'schedule';
type Base = Pick<HostPreset<object>, Shared>;

export const sgd = (learningRate: number, weightDecay: number) =>
  ({ name: 'sgd', learningRate, momentum: 0.9, weightDecay }) as const;

/** solo-learn's LARS: base rate for 256 images, trust 0.02, clipped. */
export const soloLars = (base: number, weightDecay: number, batch: number) =>
  ({
    name: 'lars',
    dialect: 'solo',
    trust: 0.02,
    clip: true,
    learningRate: scaleLinearly(base, batch),
    weightDecay,
  }) as const;

/** LARS with trust 0.001: base rate for 256 images. */
export const plainLars = (base: number, weightDecay: number, batch: number) =>
  ({ name: 'lars', learningRate: scaleLinearly(base, batch), weightDecay }) as const;

/** LARS with SimCLR's rate by the root of the batch, as lightly has it on ImageNet. */
export const rootLars = (base: number, weightDecay: number, batch: number) =>
  ({ name: 'lars', learningRate: scaleByRoot(base, batch), weightDecay }) as const;

/** ResNet-18 with 3 × 3 stem, 1000 epochs of 256. Its stem pads by 2: 5 × 5 cells of 32 pixels. */
export const SOLO_CIFAR = {
  data: 'cifar',
  source: 'soloLearn',
  side: 32,
  normalization: 'cifar10Solo',
  batch: 256,
  epochs: 1000,
  backbone: { name: 'resnet18', stem: 'cifarPadded' },
  schedule: { kind: 'warmupCosine', warmupEpochs: 10, dialect: 'solo' },
} as const satisfies Base;

/** ResNet-18, 400 epochs of 128 images on each device; here one device. */
export const SOLO_IMAGENET100 = {
  data: 'imagenet100',
  source: 'soloLearn',
  side: 224,
  normalization: 'imagenet',
  batch: 128,
  epochs: 400,
  backbone: { name: 'resnet18', stem: 'imagenet' },
  schedule: SOLO_CIFAR.schedule,
} as const satisfies Base;

/** ResNet-18 with 3 × 3 stem, 200 epochs of 128; also published: 512 images, 200 and 800 epochs. */
export const LIGHTLY_CIFAR = {
  data: 'cifar',
  source: 'lightly',
  side: 32,
  normalization: 'imagenet',
  batch: 128,
  epochs: 200,
  backbone: { name: 'resnet18', stem: 'cifar' },
  schedule: { kind: 'cosine' },
  recipe: 'lightlyCifar',
} as const satisfies Base & { readonly recipe: string };

export const LIGHTLY_IMAGENET100 = {
  data: 'imagenet100',
  source: 'lightly',
  side: 224,
  normalization: 'imagenet',
  batch: 256,
  epochs: 200,
  backbone: { name: 'resnet18', stem: 'imagenet' },
  schedule: { kind: 'warmupCosine', warmupEpochs: 10, dialect: 'lightly' },
} as const satisfies Base;

/** ResNet-50 at 224 pixels. */
export const OFFICIAL_IMAGENET = {
  data: 'imagenet',
  source: 'official',
  side: 224,
  normalization: 'imagenet',
  backbone: { name: 'resnet50', stem: 'imagenet' },
} as const;

const SMALL = {
  cifar: { side: 32, stem: 'cifar', wmseNormalization: 'cifar10', normalization: 'cifar10' },
  stl: { side: 96, stem: 'small', wmseNormalization: 'stl10', normalization: 'stl10' },
  tiny: { side: 64, stem: 'small', wmseNormalization: 'tinyImagenet', normalization: 'tinyImagenet' },
} as const;
const SMALL_SETS = ['cifar', 'stl', 'tiny'] as const;

/** ResNet-18, SGD with decay 5e-4 on everything, cosine by epoch without warm-up, no blur: our defaults for one GPU or CPU. */
export const practical = <O>(
  host: HostPreset<O>['host'],
  rate: { base: number; reference?: number },
): HostPreset<O>[] =>
  SMALL_SETS.map((data) => {
    const { side, stem, normalization } = SMALL[data];
    const batch = 256;
    const learningRate = rate.reference === undefined ? rate.base : scaleLinearly(rate.base, batch, rate.reference);
    return {
      ...{ data, source: 'practical', host, side, normalization, batch, epochs: 200, recipe: 'mocoCifarDemo' },
      backbone: { name: 'resnet18', stem },
      optimizer: sgd(learningRate, 5e-4),
      schedule: { kind: 'cosine' },
    };
  });

/** The benchmarks of the W-MSE repository: ResNet-18, Adam with L2, warm-up over 500 steps, two drops; the host's options by size d. */
export const wmseBenchmarks = <O>(host: (dim: number) => HostPreset<O>['host']): HostPreset<O>[] =>
  SMALL_SETS.map((data) => ({
    ...{ data, source: 'wmse', batch: 512, epochs: data === 'stl' ? 2000 : 1000, recipe: 'wmseSmall' },
    side: data === 'stl' ? 64 : SMALL[data].side,
    normalization: SMALL[data].wmseNormalization,
    backbone: { name: 'resnet18', stem: SMALL[data].stem },
    host: host(data === 'cifar' ? 64 : 128),
    optimizer: { name: 'adam', learningRate: data === 'cifar' ? 3e-3 : 2e-3, weightDecay: 1e-6 },
    schedule: { kind: 'warmupSteps', warmupSteps: 500, drops: [50, 25], factor: 0.2 },
  }));
