import { adamW, cosineRate, type Optimizer, type Schedule, sgd, stepRate, warmupCosineRate } from '@contrastive/core';
import type { Mixing } from './mixing.js';

/** How a whole network with a new linear head is trained on labels. */
export interface FineTuneRecipe {
  /** Name of the protocol, for reports. */
  readonly name: string;
  /** Learning rate of the encoder at batch size `referenceBatch`. > 0. */
  readonly learningRate: number;
  /** The head's rate as a multiple of the encoder's. > 0. */
  readonly headFactor: number;
  /** Batch size that `learningRate` belongs to; the rate is multiplied by batchSize / referenceBatch. `undefined`: not scaled. */
  readonly referenceBatch: number | undefined;
  /** Images of a step; at most the training set is used. */
  readonly batchSize: number;
  readonly epochs: number;
  readonly optimizer: (learningRate: number) => Optimizer;
  readonly schedule: (learningRate: number) => Schedule;
  /** ε of label smoothing, in [0, 1). */
  readonly labelSmoothing: number;
  /** Mixup and CutMix; `undefined`: none. */
  readonly mixing: Mixing | undefined;
  /** Rate of a transformer's block as a multiple of the next block's, in (0, 1]; `undefined`: all alike. */
  readonly layerDecay: number | undefined;
  /** Longest gradient of all parameters together; `undefined`: any. */
  readonly clipNorm: number | undefined;
}

const momentumSgd =
  (weightDecay: number, nesterov = false) =>
  (learningRate: number): Optimizer =>
    sgd({ learningRate, momentum: 0.9, weightDecay, nesterov });
const steps =
  (milestones: readonly number[], factor: number) =>
  (learningRate: number): Schedule =>
    stepRate(learningRate, { milestones, factor });
const cosine = (learningRate: number): Schedule => cosineRate(learningRate);

/** SimCLR's fine-tuning as in lightly (spec "evaluation" 4.1): batch norm in training mode, no decay. */
const LIGHTLY: FineTuneRecipe = {
  name: 'fine-tuning, SimCLR in lightly',
  learningRate: 0.05,
  headFactor: 1,
  referenceBatch: 256,
  batchSize: 256,
  epochs: 30,
  optimizer: momentumSgd(0),
  schedule: cosine,
  labelSmoothing: 0,
  mixing: undefined,
  layerDecay: undefined,
  clipNorm: undefined,
};

/** Five epochs of linear warm-up, then half a cosine, both above `end` of the rate. */
const warmedCosine =
  (end: number) =>
  (learningRate: number): Schedule => {
    const above = warmupCosineRate(learningRate * (1 - end), { warmupEpochs: 5 });
    return (step) => end * learningRate + above(step);
  };

/** Of DeiT (Touvron et al. 2021), as mmselfsup fine-tunes MoCo v3's transformers. No decay on norms, biases and the class token. */
const VIT: FineTuneRecipe = {
  name: 'fine-tuning, ViT MoCo v3 style without drop path',
  learningRate: 5e-4,
  headFactor: 1,
  referenceBatch: 512,
  batchSize: 512,
  epochs: 150,
  optimizer: (learningRate) => adamW({ learningRate, weightDecay: 0.05, excludeVectors: true }),
  schedule: warmedCosine(0.02),
  labelSmoothing: 0.1,
  mixing: { mixup: 0.8, cutmix: 1 },
  layerDecay: undefined,
  clipNorm: 5,
};

/** Settings of full fine-tuning (spec "evaluation" 4.1). Views are random crops (8 to 100 % of the area) and flips. */
export const FINE_TUNE_RECIPES = {
  lightly: LIGHTLY,
  /** Down to 1e-5 (a fiftieth of the rate). Published with drop path 0.1 as well, which our transformers do not have. */
  vitMocoV3: VIT,
  /** lightly's MAE style. Published with RandAugment, erasing and drop path as well; the table gives no batch size: 256. */
  vitMae: {
    ...VIT,
    name: 'fine-tuning, ViT MAE style without RandAugment, erasing and drop path',
    referenceBatch: 256,
    batchSize: 256,
    epochs: 100,
    schedule: warmedCosine(0),
    layerDecay: 0.65,
    clipNorm: undefined,
  },
  /** The upper bar: the same network trained from scratch on all labels. Our choice: the rates of supervised CIFAR training. */
  supervised: {
    ...LIGHTLY,
    name: 'supervised from scratch',
    learningRate: 0.1,
    batchSize: 128,
    referenceBatch: 128,
    optimizer: momentumSgd(5e-4),
  },
} as const satisfies Record<string, FineTuneRecipe>;

/** One cell of a grid that a protocol searches. */
export type FineTuneCell = Pick<FineTuneRecipe, 'learningRate' | 'headFactor'>;

/** How a network is fine-tuned on few labels. */
export interface SemiSupervisedProtocol {
  /** For 1 % of the labels. */
  readonly onePercent: FineTuneRecipe;
  /** For 10 %. */
  readonly tenPercent: FineTuneRecipe;
  /** Cells that replace the recipe's rates, of which the best is reported; empty: the recipe as it is. */
  readonly grid: readonly FineTuneCell[];
}

/** OpenSelfSup's and mmselfsup's schedule, one cell of its grid. */
const OPEN_SELF_SUP: FineTuneRecipe = {
  ...LIGHTLY,
  name: 'semi-supervised, OpenSelfSup',
  learningRate: 0.01,
  headFactor: 10,
  referenceBatch: undefined,
  epochs: 20,
  optimizer: momentumSgd(1e-4),
  schedule: steps([12, 16], 0.2),
};
const LIGHT: FineTuneRecipe = { ...OPEN_SELF_SUP, name: 'semi-supervised, light', batchSize: 64 };
const VISSL: FineTuneRecipe = {
  ...LIGHTLY,
  name: 'semi-supervised, VISSL',
  epochs: 70,
  optimizer: momentumSgd(0, true),
  schedule: steps([30], 0.1),
};
/** The schedule is not given in the spec: cosine. */
const SIMCLR: FineTuneRecipe = {
  ...LIGHTLY,
  name: 'semi-supervised, SimCLR',
  batchSize: 4096,
  epochs: 60,
  optimizer: momentumSgd(0, true),
};
const SWAV: FineTuneRecipe = { ...OPEN_SELF_SUP, name: 'semi-supervised, SwAV', optimizer: momentumSgd(0) };

const same = (recipe: FineTuneRecipe, grid: readonly FineTuneCell[] = []): SemiSupervisedProtocol => ({
  onePercent: recipe,
  tenPercent: recipe,
  grid,
});

/** Settings of few labels (spec "evaluation" 4.2); views as for {@link FINE_TUNE_RECIPES}. */
export const SEMI_SUPERVISED = {
  /** The light form (spec "evaluation" section 10): batch 64, four cells. */
  light: same(LIGHT, gridOf([0.01, 0.001], [10, 100])),
  /** Published with the best of its nine cells. */
  openSelfSup: same(OPEN_SELF_SUP, gridOf([0.1, 0.01, 0.001], [1, 10, 100])),
  vissl: same(VISSL),
  /** 60 epochs of 1 %, 30 of 10 %. */
  simclr: { onePercent: SIMCLR, tenPercent: { ...SIMCLR, epochs: 30 }, grid: [] },
  /** 1 %: encoder 0.02, head 5; 10 %: encoder 0.01, head 0.2. */
  swav: {
    onePercent: { ...SWAV, learningRate: 0.02, headFactor: 250 },
    tenPercent: { ...SWAV, learningRate: 0.01, headFactor: 20 },
    grid: [],
  },
} as const satisfies Record<string, SemiSupervisedProtocol>;

function gridOf(rates: readonly number[], factors: readonly number[]): FineTuneCell[] {
  return rates.flatMap((learningRate) => factors.map((headFactor) => ({ learningRate, headFactor })));
}
