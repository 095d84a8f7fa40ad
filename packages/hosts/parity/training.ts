import { adamW, hostTensor, momentumSchedule, sgd } from '@contrastive/core';
import type { Fixture, ParityAdapter, ParityKinds } from '@contrastive/testing';
import { byol, moco, mocoV3, simsiam } from '../src/index.js';
import {
  imagesOf,
  kernel,
  layer,
  linearBackbone,
  type Names,
  norm,
  running,
  train,
  type Values,
} from './fixture-trainer.js';
import { hostValues, type Nested } from './values.js';

const batches = ({ inputs }: Fixture, view1: string, view2: string) =>
  (inputs as { batches: readonly Record<string, readonly (readonly number[])[]>[] }).batches.map((batch) => ({
    view1: imagesOf(batch[view1]!),
    view2: imagesOf(batch[view2]!),
  }));
const paramsOf = (fixture: Fixture) => fixture.params as Readonly<Record<string, number>>;
const widthOf = (values: Values, name: string) => (values[name] as readonly number[]).length;
const sgdOf = ({ lr, sgdMomentum, weightDecay }: Readonly<Record<string, number>>) =>
  sgd({ learningRate: lr!, momentum: sgdMomentum!, weightDecay: weightDecay! });

const mocoV2: ParityAdapter = async (fixture, { runtime }) => {
  const { encoder, queue } = fixture.inputs as { encoder: Values; queue: Nested };
  const { temperature, momentum, ...rest } = paramsOf(fixture);
  const rows = hostValues(queue);
  const names = {
    ...layer('l', 'backbone'),
    ...layer('fc.0', 'projector/layer0'),
    ...layer('fc.2', 'projector/layer1'),
  };
  const host = moco({
    backbone: linearBackbone(encoder['l.weight']!),
    ...{ hidden: widthOf(encoder, 'fc.0.bias'), dim: widthOf(encoder, 'fc.2.bias'), queueSize: rows.shape[0]! },
    ...{ temperature: temperature!, momentum: { base: momentum!, kind: 'constant' } },
  });
  const state = { queue: rows };
  const { losses, last, read } = await train(
    { host, optimizer: sgdOf(rest), weights: encoder, names, state, steps: batches(fixture, 'xq', 'xk') },
    runtime,
  );
  return {
    losses,
    finalOnline: read(last, 'online', names),
    finalMomentum: read(last, 'target', names),
    queueAfter: last['host/queue'],
    pointerAfter: last['host/queue/pointer'],
  };
};

const SIMSIAM_TRAINED: Names = {
  ...layer('encoder.l', 'backbone'),
  ...kernel('encoder.fc.0', 'projector/layer0'),
  ...norm('encoder.fc.1', 'projector/layer0'),
  ...kernel('encoder.fc.3', 'projector/layer1'),
  ...norm('encoder.fc.4', 'projector/layer1'),
  ...kernel('encoder.fc.6', 'projector/layer2'),
  ...kernel('predictor.0', 'predictor/layer0'),
  ...norm('predictor.1', 'predictor/layer0'),
  ...layer('predictor.3', 'predictor/layer1'),
};
const SIMSIAM: Names = { ...SIMSIAM_TRAINED, 'encoder.fc.6.bias': 'projector/layer2/bias' };
const SIMSIAM_RUNNING: Names = {
  ...running('encoder.fc.1', 'projector/layer0'),
  ...running('encoder.fc.4', 'projector/layer1'),
  ...running('encoder.fc.7', 'projector/layer2'),
  ...running('predictor.1', 'predictor/layer0'),
};

const simsiamSteps: ParityAdapter = async (fixture, { runtime }) => {
  const { params: weights } = fixture.inputs as { params: Values };
  const { dim, predDim, ...rest } = paramsOf(fixture);
  const host = simsiam({
    backbone: linearBackbone(weights['encoder.l.weight']!),
    ...{ hidden: widthOf(weights, 'encoder.fc.1.bias'), dim: dim!, predictorHidden: predDim! },
  });
  const observed: typeof host = {
    ...host,
    // What the fixture looks at besides weights: raw outputs of view 1.
    observe: ({ online, onlineWeights }) => {
      const { projection } = online.view('view1');
      const own = Object.entries(onlineWeights).filter(([name]) => name.startsWith('predictor/'));
      const weightsOf = Object.fromEntries(own.map(([name, v]) => [name.slice('predictor/'.length), v]));
      const still = { training: true, updateStats: false };
      return { z1: projection, p1: host.networks.predictor!.apply(weightsOf, projection, still) };
    },
  };
  const steps = batches(fixture, 'x1', 'x2');
  const { losses, first, last, read } = await train(
    { host: observed, optimizer: sgdOf(rest), weights, names: SIMSIAM, steps },
    runtime,
  );
  return {
    losses,
    gradFirstStep: read(first, 'optimizer/gradient/online', SIMSIAM_TRAINED),
    finalParams: read(last, 'online', SIMSIAM),
    finalRunning: read(last, 'online', SIMSIAM_RUNNING),
    firstStep: { p1: first['host/p1'], z1: first['host/z1'] },
  };
};

/** Two layers with a batch norm between them, numbered as in a torch Sequential with ReLU. */
const sequential = (ours: string): Names => ({
  ...layer('0', `${ours}/layer0`),
  ...norm('1', `${ours}/layer0`),
  ...layer('3', `${ours}/layer1`),
});
const withPrefix = (prefix: string, values: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));

const byolSteps: ParityAdapter = async (fixture, { runtime }) => {
  const { model, head, predictor } = (fixture.inputs as { params: Readonly<Record<string, Values>> }).params;
  const steps = batches(fixture, 'x1', 'x2');
  const { baseMomentum, totalSteps = steps.length, ...rest } = paramsOf(fixture);
  const momentum = { base: baseMomentum!, final: 1, kind: 'cosine' } as const;
  const sizes = {
    hidden: widthOf(head!, '0.bias'),
    predictorHidden: widthOf(predictor!, '0.bias'),
    dim: widthOf(head!, '3.bias'),
  };
  const host = byol({ backbone: linearBackbone(model!['l.weight']!), ...sizes, momentum });
  const [l, g, h] = [layer('l', 'backbone'), sequential('projector'), sequential('predictor')];
  const { losses, last, read } = await train(
    {
      ...{ host, optimizer: sgdOf(rest), steps, totalSteps },
      weights: Object.assign(
        {},
        ...[withPrefix('l', model!), withPrefix('g', head!), withPrefix('h', predictor!)],
      ) as Values,
      names: Object.assign({}, ...[withPrefix('l', l), withPrefix('g', g), withPrefix('h', h)]) as Names,
    },
    runtime,
  );
  const schedule = momentumSchedule(momentum);
  const momentumPerStep = steps.map((_, step) => schedule({ step, epoch: 1, epochs: 1, stepsPerEpoch: totalSteps }));
  // The host moves its target when the next step begins; the fixture's last move has no next step.
  const m = momentumPerStep.at(-1)!;
  const target = Object.fromEntries(
    Object.entries(last)
      .filter(([path]) => path.startsWith('target/'))
      .map(([path, { data, shape }]) => {
        const online = last[path.replace('target/', 'online/')]!.data;
        return [
          path,
          hostTensor(
            shape,
            Float32Array.from(data, (v, i) => m * v + (1 - m) * online[i]!),
          ),
        ];
      }),
  );
  return {
    ...{ losses, momentumPerStep },
    ...{ finalModel: read(last, 'online', l), finalHead: read(last, 'online', g) },
    ...{ finalPredictor: read(last, 'online', h) },
    ...{ finalTargetModel: read(target, 'target', l), finalTargetHead: read(target, 'target', g) },
  };
};

const MOCO_V3_BASE: Names = {
  ...layer('l', 'backbone'),
  ...kernel('fc.0', 'projector/layer0'),
  ...norm('fc.1', 'projector/layer0'),
  ...kernel('fc.3', 'projector/layer1'),
};
const MOCO_V3_PREDICTOR: Names = {
  ...kernel('0', 'predictor/layer0'),
  ...norm('1', 'predictor/layer0'),
  ...kernel('3', 'predictor/layer1'),
};

const mocoV3AdamW: ParityAdapter = async (fixture, { runtime }) => {
  const { base, predictor } = (fixture.inputs as { params: Readonly<Record<string, Values>> }).params;
  const { temperature, momentum, lr, weightDecay } = paramsOf(fixture);
  const host = mocoV3({
    backbone: linearBackbone(base!['l.weight']!),
    ...{
      hidden: widthOf(base!, 'fc.1.bias'),
      dim: (base!['fc.3.weight'] as readonly (readonly number[])[])[0]!.length,
    },
    ...{ temperature: temperature!, momentum: { base: momentum!, kind: 'constant' } },
  });
  const { losses, last, read } = await train(
    {
      ...{ host, optimizer: adamW({ learningRate: lr!, weightDecay: weightDecay! }) },
      weights: { ...base, ...predictor },
      names: { ...MOCO_V3_BASE, ...MOCO_V3_PREDICTOR },
      steps: batches(fixture, 'x1', 'x2'),
    },
    runtime,
  );
  const statistics = { ...running('fc.1', 'projector/layer0'), ...running('fc.4', 'projector/layer1') };
  return {
    losses,
    finalBase: read(last, 'online', MOCO_V3_BASE),
    finalPredictor: read(last, 'online', MOCO_V3_PREDICTOR),
    finalMomentum: read(last, 'target', MOCO_V3_BASE),
    finalMomentumRunning: read(last, 'target', statistics),
  };
};

export const kinds: ParityKinds = {
  'hosts/train_moco_v2': mocoV2,
  'hosts/train_simsiam': simsiamSteps,
  'hosts/train_byol': byolSteps,
  'hosts/train_mocov3_adamw': mocoV3AdamW,
};
