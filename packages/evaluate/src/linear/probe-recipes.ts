import {
  adam,
  cosineRate,
  lars,
  type Optimizer,
  type Schedule,
  sgd,
  stepRate,
  warmupCosineRate,
} from '@contrastive/core';
import type { ProbeRecipe } from './probe.js';

const momentumSgd =
  (weightDecay = 0, nesterov = false) =>
  (learningRate: number): Optimizer =>
    sgd({ learningRate, momentum: 0.9, weightDecay, nesterov });

const steps =
  (milestones: readonly number[], factor = 0.1) =>
  (learningRate: number): Schedule =>
    stepRate(learningRate, { milestones, factor });

const cosinePerEpoch = (learningRate: number): Schedule => cosineRate(learningRate);

/** From the base rate to `end` of it over the run, by one factor an epoch:  lr·end^(epoch/epochs)  for epoch 0, 1, … */
export const exponentialRate =
  (end: number) =>
  (learningRate: number, epochs: number): Schedule =>
  ({ epoch }) =>
    learningRate * end ** ((epoch - 1) / epochs);

/** As MoCo's `main_lincls`: what most rows of the table change only in part. */
const MOCO: ProbeRecipe = {
  name: 'linear probe, MoCo v1/v2 and ReCo',
  learningRate: 30,
  referenceBatch: undefined,
  batchSize: 256,
  epochs: 100,
  optimizer: momentumSgd(),
  schedule: steps([60, 80]),
  initializer: 'normal001',
  batchNormEpsilon: undefined,
};

/**
 * The published linear probes (spec "evaluation", table 3.1; "hosts" section 11). Rates belong to encoders and data of those papers: a
 * rate of 30 diverges on other features.
 */
export const PROBE_RECIPES = {
  /** W-MSE's "SGD", which is Adam: 1e-2 → 1e-6 in 500 epochs on cached features; decay 5e-6 in the gradient. */
  wmse: {
    ...MOCO,
    name: 'linear probe, W-MSE (Adam)',
    learningRate: 1e-2,
    batchSize: 1000,
    epochs: 500,
    optimizer: (learningRate) => adam({ learningRate, weightDecay: 5e-6 }),
    schedule: exponentialRate(1e-4),
    initializer: 'framework',
  },
  moco: MOCO,
  /** The README of ReCo uses rate 10. */
  reco: { ...MOCO, name: 'linear probe, ReCo README', learningRate: 10 },
  /** LARS as NVIDIA's LARC, all weights scaled, no clipping: at decay 0 this is the `mocoV3` dialect. */
  simsiam: {
    ...MOCO,
    name: 'linear probe, SimSiam (LARS)',
    learningRate: 0.1,
    referenceBatch: 256,
    batchSize: 4096,
    epochs: 90,
    optimizer: (learningRate) =>
      lars({ learningRate, dialect: 'mocoV3', trust: 0.001, weightDecay: 0, excludeVectors: false }),
    schedule: cosinePerEpoch,
  },
  mocov3Resnet: {
    ...MOCO,
    name: 'linear probe, MoCo v3 and SNCLR, ResNet',
    learningRate: 0.1,
    referenceBatch: 256,
    batchSize: 1024,
    epochs: 90,
    schedule: cosinePerEpoch,
  },
  mocov3Vit: {
    ...MOCO,
    name: 'linear probe, MoCo v3 and SNCLR, ViT',
    learningRate: 3,
    referenceBatch: 256,
    batchSize: 1024,
    epochs: 90,
    schedule: cosinePerEpoch,
  },
  /** Cosine per step without warm-up. lightly reports the maximum over epochs; this one the last epoch. */
  lightly: {
    ...MOCO,
    name: 'linear probe, SimCLR in lightly',
    learningRate: 0.1,
    referenceBatch: 256,
    epochs: 90,
    schedule: (learningRate) => warmupCosineRate(learningRate, { warmupEpochs: 0, dialect: 'lightly' }),
    initializer: 'framework',
  },
  /** Rates of other methods there: 0.1 … 30. */
  soloLearn: {
    ...MOCO,
    name: 'linear probe, solo-learn',
    learningRate: 0.3,
    referenceBatch: 256,
    initializer: 'framework',
  },
  vissl: {
    ...MOCO,
    name: 'linear probe, VISSL',
    learningRate: 0.01,
    referenceBatch: 256,
    epochs: 28,
    optimizer: momentumSgd(5e-4, true),
    schedule: steps([8, 16, 24]),
    initializer: 'framework',
  },
  mmselfsupStep: {
    ...MOCO,
    name: 'linear probe, mmselfsup ResNet-50 step',
    learningRate: 0.1,
    optimizer: momentumSgd(1e-4),
    initializer: 'framework',
  },
  mmselfsupCosine: {
    ...MOCO,
    name: 'linear probe, mmselfsup ResNet-50 cosine',
    learningRate: 0.3,
    optimizer: momentumSgd(1e-6),
    schedule: cosinePerEpoch,
    initializer: 'framework',
  },
  /** lightly's MAE-style probe. Its LARS scales nothing at decay 0, so it steps as momentum SGD. The table gives no batch size: 256. */
  maeVit: {
    ...MOCO,
    name: 'linear probe, MAE style ViT (LARS)',
    learningRate: 0.1,
    referenceBatch: 256,
    epochs: 90,
    optimizer: (learningRate) => lars({ learningRate, dialect: 'lightly', weightDecay: 0 }),
    schedule: (learningRate) => warmupCosineRate(learningRate, { warmupEpochs: 10, dialect: 'lightly' }),
    initializer: 'framework',
    batchNormEpsilon: 1e-6,
  },
  /** The light form of `wmse` (spec "evaluation" section 10): the same ends of the rate in 100 epochs. */
  light: {
    ...MOCO,
    name: 'linear probe, 100 epochs Adam on cached features',
    learningRate: 1e-2,
    batchSize: 1000,
    optimizer: (learningRate) => adam({ learningRate, weightDecay: 5e-6 }),
    schedule: exponentialRate(1e-4),
    initializer: 'framework',
  },
} as const satisfies Record<string, ProbeRecipe>;
