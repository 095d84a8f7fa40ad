import {
  type Backbone,
  type HostTensor,
  hostInts,
  hostTensor,
  type Module,
  type Optimizer,
  type Runtime,
  sgd,
  Trainer,
  type ViewRecipe,
} from '@contrastive/core';
import { moco } from '@contrastive/hosts';
import type { ParityAdapter } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { boxShares, cutBox, interpolation } from '../src/index.js';
import { weightedReco } from './feature-step.js';

type Matrix = readonly (readonly number[])[];
type Images = readonly (readonly Matrix[])[];

interface StepInputs {
  readonly xq: Images;
  readonly xk: Images;
  readonly xw: Images;
  readonly lam0: number;
  readonly cy: number;
  readonly cx: number;
  readonly pi: readonly number[];
}
interface Inputs {
  readonly w1: Matrix;
  readonly b1: readonly number[];
  readonly w2: Matrix;
  readonly b2: readonly number[];
  readonly queue: Matrix;
  readonly queueWeak: Matrix;
  readonly steps: readonly StepInputs[];
}
interface Params {
  readonly temperature: number;
  readonly tauStudent: number;
  readonly tauTeacher: number;
  readonly lambda1: number;
  readonly lambda2: number;
  readonly momentum: number;
  readonly lr: number;
  readonly sgdMomentum: number;
  readonly weightDecay: number;
}

const matrix = (values: Matrix): HostTensor => hostTensor([values.length, values[0]!.length], values.flat());
const vector = (values: readonly number[]): HostTensor => hostTensor([values.length], values);

/** Height, width and channels of the fixture's images, at most 3. */
type Size = readonly [height: number, width: number, channels: number];
const sizeOf = (v: Images): Size => [v[0]!.length, v[0]![0]!.length, v[0]![0]![0]!.length];
const sideOf = ([height, width]: Size): number => Math.max(height, width);

/** Images of a trainer are square and have three channels; zeros fill these up. */
function images(v: Images): HostTensor {
  const side = sideOf(sizeOf(v));
  const places = Array.from({ length: side }, (_, i) => i);
  const pixel = (image: Matrix | undefined, x: number) => [0, 1, 2].map((c) => image?.[x]?.[c] ?? 0);
  return hostTensor(
    [v.length, side, side, 3],
    v.flatMap((image) => places.flatMap((y) => places.flatMap((x) => pixel(image[y], x)))),
  );
}

const dense = (inputs: number, outputs: number, activate: (x: tf.Tensor2D) => tf.Tensor2D): Module => ({
  specs: {
    kernel: { shape: [inputs, outputs], role: 'kernel', init: () => new Float32Array(inputs * outputs) },
    bias: { shape: [outputs], role: 'bias', init: () => new Float32Array(outputs) },
  },
  apply: ({ kernel, bias }, x) => activate(tf.add(tf.matMul(x, kernel as unknown as tf.Tensor2D), bias!)),
});

/** Flatten what is the fixture's (height, width, channel), Linear, ReLU. */
function flatBackbone(size: Size, channels: number): Backbone {
  const layer = dense(size[0] * size[1] * size[2], channels, (x) => tf.relu(x));
  return {
    name: 'flat',
    options: {},
    channels,
    stride: sideOf(size),
    grid: () => 1,
    specs: layer.specs,
    apply: (weights, x, pass) => {
      const n = x.shape[0];
      const own = tf.slice(x, [0, 0, 0, 0], [n, ...size]);
      const pooled = layer.apply(weights, tf.reshape(own, [n, -1]) as tf.Tensor2D, pass);
      return { map: tf.reshape(pooled, [n, 1, 1, channels]), pooled };
    },
  };
}

/** The same optimiser; its slots `gradient/<path>` hold the last step's gradients. */
const withGradients = (inner: Optimizer): Optimizer => ({
  ...inner,
  slots: (parameters) => ({
    ...inner.slots(parameters),
    ...Object.fromEntries(
      parameters.map(({ path, spec }) => [`gradient/${path}`, tf.variable(tf.zeros([...spec.shape]), false)]),
    ),
  }),
  update: (parameters, gradients, slots, rates) => {
    parameters.forEach(({ path }, i) => {
      slots[`gradient/${path}`]!.assign(gradients[i] as never);
    });
    inner.update(parameters, gradients, slots, rates);
  },
});

const PATHS = { W1: 'backbone/kernel', B1: 'backbone/bias', W2: 'projector/kernel', B2: 'projector/bias' } as const;
const weightsUnder = (values: (path: string) => unknown) => ({
  w1: values(PATHS.W1),
  b1: values(PATHS.B1),
  w2: values(PATHS.W2),
  b2: values(PATHS.B2),
});

function createTrainer({ w1, b1, queue, b2, steps }: Inputs, p: Params, runtime: Runtime): Trainer {
  const n = steps[0]!.xq.length;
  const size = sizeOf(steps[0]!.xq);
  const [height, width] = size;
  const side = sideOf(size);
  const filledUp = (shares: readonly number[]) => [...shares, ...new Array<number>(side - shares.length).fill(0)];
  const recipe: ViewRecipe = { name: 'given', steps: [], mean: [0, 0, 0], std: [1, 1, 1] };
  const plugin = weightedReco({
    lambda1: p.lambda1,
    lambda2: p.lambda2,
    studentTemperature: p.tauStudent,
    teacherTemperature: p.tauTeacher,
  });
  return new Trainer({
    host: moco({
      backbone: flatBackbone(size, b1.length),
      projector: dense(w1[0]!.length, b2.length, (x) => x),
      dim: b2.length,
      queueSize: queue.length,
      temperature: p.temperature,
      momentum: { base: p.momentum, kind: 'constant' },
    }),
    plugins: [
      {
        ...plugin,
        draw: (_rng, { step }) => {
          const { lam0, cy, cx, pi } = steps[step]!;
          const box = cutBox({ height, width, lambda: lam0, centerY: cy, centerX: cx });
          const { lambda, rows, columns } = boxShares(box, height, width);
          return interpolation(pi, [{ lambda, rows: filledUp(rows), columns: filledUp(columns) }]);
        },
      },
    ],
    optimizer: withGradients(sgd({ learningRate: p.lr, momentum: p.sgdMomentum, weightDecay: p.weightDecay })),
    schedule: () => p.lr,
    batch: n,
    side,
    epochs: 1,
    stepsPerEpoch: steps.length,
    seed: 0,
    recipes: [recipe],
    runtime,
  });
}

/** Whole steps over MoCo v2 with a small network, by the trainer. */
export const train: ParityAdapter = async ({ inputs, params }, context) => {
  const given = inputs as Inputs;
  const trainer = createTrainer(given, params as Params, context.runtime);
  try {
    await startFrom(trainer, given);
    const steps = [];
    for (const { xq, xk, xw } of given.steps) {
      const views = { view1: images(xq), view2: images(xk), weak: images(xw) };
      const ids = hostInts(Int32Array.from({ length: xq.length }, (_, i) => i));
      const { metrics } = await trainer.step([{ images: views, ids }], { record: true });
      const { tensors } = await trainer.snapshot();
      steps.push({
        lossNce: metrics['loss/global'],
        lossGlobal: metrics['loss/relation'],
        lossLocal: metrics['loss/interpolation'],
        loss: metrics.loss,
        pointer: tensors['plugins/reco/bankPointer'],
        ...Object.fromEntries(
          Object.entries(PATHS).map(([name, path]) => [`grad${name}`, tensors[`optimizer/gradient/online/${path}`]]),
        ),
      });
    }
    const { tensors } = await trainer.snapshot();
    return {
      steps,
      finalOnline: weightsUnder((path) => tensors[`online/${path}`]),
      finalMomentum: weightsUnder((path) => tensors[`target/${path}`]),
      queueAfter: tensors['host/queue'],
      queueWeakAfter: tensors['plugins/reco/bank'],
    };
  } finally {
    trainer.dispose();
  }
};

/** Puts the given weights (in both networks) and queues in place of the random ones. */
async function startFrom(trainer: Trainer, { w1, b1, w2, b2, queue, queueWeak }: Inputs): Promise<void> {
  const snapshot = await trainer.snapshot();
  const weights = { [PATHS.W1]: matrix(w1), [PATHS.B1]: vector(b1), [PATHS.W2]: matrix(w2), [PATHS.B2]: vector(b2) };
  const both = ['online', 'target'].flatMap((network) =>
    Object.entries(weights).map(([path, values]) => [`${network}/${path}`, values]),
  );
  const queues = { 'host/queue': matrix(queue), 'plugins/reco/bank': matrix(queueWeak) };
  await trainer.restore({ ...snapshot, tensors: { ...snapshot.tensors, ...Object.fromEntries(both), ...queues } });
}
