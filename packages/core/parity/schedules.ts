import type { Fixture, ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import {
  copyWeights,
  cosineRate,
  createWeights,
  hostScalar,
  momentumSchedule,
  Rng,
  type Schedule,
  stepRate,
  updateEma,
  type WeightSpecs,
  warmupCosineRate,
  warmupStepRate,
} from '../src/index.js';
import { hostValues, type Nested } from './host-values.js';

/** Values of a schedule at the given steps of a run. */
const valuesAt = (schedule: Schedule, steps: readonly number[], epochs: number, stepsPerEpoch = 1) =>
  steps.map((step) => schedule({ step, epoch: Math.floor(step / stepsPerEpoch) + 1, epochs, stepsPerEpoch }));

function learningRates({ inputs, params }: Fixture) {
  const { steps } = inputs as { steps: number[] };
  const p = params as Record<'baseLr' | 'warmup' | 'total' | 'stepGamma', number> & {
    readonly milestones: readonly number[];
    readonly soloWarmupStart?: number;
  };
  const { soloWarmupStart: warmupStart = 3e-5 } = p;
  const at = (schedule: Schedule) => valuesAt(schedule, steps, p.total);
  const warmup = (dialect: 'mocoV3' | 'solo' | 'lightly') =>
    at(warmupCosineRate(p.baseLr, { warmupEpochs: p.warmup, dialect, warmupStart }));
  return {
    solo: warmup('solo'),
    lightly: warmup('lightly'),
    mocov3: warmup('mocoV3'),
    mocoCosine: at(cosineRate(p.baseLr)),
    step: at(stepRate(p.baseLr, { milestones: p.milestones, factor: p.stepGamma })),
  };
}

function wmse({ params }: Fixture) {
  const p = params as Record<'baseLr' | 'epochs' | 'itersPerEpoch' | 'warmupIters' | 'gamma', number>;
  const { drops } = params as { drops: number[] };
  const schedule = warmupStepRate(p.baseLr, { warmupSteps: p.warmupIters, drops, factor: p.gamma });
  const first = Array.from({ length: p.epochs }, (_, epoch) => epoch * p.itersPerEpoch);
  return { lrAtFirstIterOfEpoch: valuesAt(schedule, first, p.epochs, p.itersPerEpoch) };
}

function ftCosine({ inputs, params }: Fixture) {
  const { epochs } = inputs as { epochs: number[] };
  const p = params as Record<'baseLr' | 'totalEpochs' | 'minFactor', number>;
  const schedule = cosineRate(p.baseLr, { minFactor: p.minFactor, firstEpoch: 1 });
  const steps = epochs.map((epoch) => epoch - 1); // one step an epoch; FT counts epochs from 1
  return { lr: valuesAt(schedule, steps, p.totalEpochs) };
}

interface MomentumParams {
  readonly base: number;
  readonly final: number;
  readonly totalSteps: number;
}

function momenta({ inputs, params }: Fixture) {
  const { steps } = inputs as { steps: number[] };
  const { base, final, totalSteps } = params as MomentumParams;
  const at = (kind: 'cosine' | 'cosineLightly') =>
    valuesAt(momentumSchedule({ base, final, kind }), steps, 1, totalSteps);
  return { lightly: at('cosineLightly'), mocov3: at('cosine') };
}

const ema: ParityKinds[string] = async ({ inputs, params }, { run }) => {
  const { onlineBias, momentumInit, onlineWeightPerStep } = inputs as {
    onlineBias: Nested;
    momentumInit: { w: Nested; b: Nested };
    onlineWeightPerStep: Nested[];
  };
  const { base, final, totalSteps } = params as MomentumParams;
  const schedule = momentumSchedule({ base, final });
  const init = (values: Nested) => () => hostValues(values).data as Float32Array;
  const specs: WeightSpecs = {
    w: { shape: hostValues(momentumInit.w).shape, role: 'kernel', init: init(momentumInit.w) },
    b: { shape: hostValues(momentumInit.b).shape, role: 'bias', init: init(momentumInit.b) },
  };
  const target = createWeights(specs, Rng.create(0));
  const online = copyWeights(specs, target);
  online.b!.assign(tf.tensor(onlineBias as tf.TensorLike));
  const momentum: number[] = [];
  const momentumParams: unknown[] = [];
  for (const [step, weight] of onlineWeightPerStep.entries()) {
    const m = schedule({ step, epoch: 1, epochs: 1, stepsPerEpoch: totalSteps });
    online.w!.assign(tf.tensor(weight as tf.TensorLike));
    const variables = { ...target, onlineW: online.w!, onlineB: online.b! };
    await run(
      ({ rate }) => {
        updateEma(specs, target, online, rate as tf.Scalar);
        return {};
      },
      { rate: hostScalar(m) },
      variables,
    );
    momentum.push(m);
    momentumParams.push({ w: target.w!.arraySync(), b: target.b!.arraySync() });
  }
  return { momentum, momentumParams };
};

export const kinds: ParityKinds = {
  'hosts/lr_schedules': learningRates,
  'hosts/wmse_schedule': wmse,
  'ft/cosine_schedule': ftCosine,
  'hosts/momentum_schedules': momenta,
  'hosts/ema_schedule': ema,
};
