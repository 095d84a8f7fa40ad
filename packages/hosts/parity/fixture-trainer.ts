import {
  type Backbone,
  type Host,
  type HostTensor,
  type HostTensors,
  hostTensor,
  mlp,
  type Optimizer,
  type Runtime,
  type State,
  Trainer,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { hostValues, type Nested } from './values.js';

export type Values = Readonly<Record<string, Nested>>;
type Tensors = Readonly<Record<string, HostTensor>>;
/** Names of the fixture's weights, and the trainer's for the same. */
export type Names = Readonly<Record<string, string>>;

/** Images have 3 channels: the smallest square ones that hold as many values as a row of the fixture. */
const sideFor = (values: number): number => Math.ceil(Math.sqrt(values / 3));

/** Linear and ReLU over the first values of an image: the fixtures' encoder `l`. Weights `kernel`, `bias`. @param weight [inputs, channels]. */
export function linearBackbone(weight: Nested): Backbone {
  const [inputs, channels] = hostValues(weight).shape as unknown as [number, number];
  const layer = mlp(inputs, [{ width: channels, relu: true }]);
  const inner = (name: string) => `layer0/${name}`;
  return {
    ...{ name: 'linear', options: {}, channels, stride: sideFor(inputs) },
    grid: () => 1,
    specs: { kernel: layer.specs[inner('kernel')]!, bias: layer.specs[inner('bias')]! },
    apply: ({ kernel, bias }, images, pass) => {
      const rows = tf.slice(tf.reshape(images, [images.shape[0], -1]) as tf.Tensor2D, [0, 0], [-1, inputs]);
      const pooled = layer.apply({ [inner('kernel')]: kernel!, [inner('bias')]: bias! }, rows, pass);
      return { map: tf.reshape(pooled, [-1, 1, 1, channels]), pooled };
    },
  };
}

export function imagesOf(rows: readonly (readonly number[])[]): HostTensor {
  const inputs = rows[0]!.length;
  const side = sideFor(inputs);
  const rest = new Array<number>(side * side * 3 - inputs).fill(0);
  return hostTensor(
    [rows.length, side, side, 3],
    rows.flatMap((row) => [...row, ...rest]),
  );
}

/** The same optimiser, whose slots `gradient/<path>` keep the last gradients. */
const keepingGradients = (inner: Optimizer): Optimizer => ({
  ...inner,
  slots: (parameters) => ({
    ...inner.slots(parameters),
    ...Object.fromEntries(
      parameters.map(({ path, spec }) => [`gradient/${path}`, tf.variable(tf.zeros([...spec.shape]), false)]),
    ),
  }),
  update: (parameters, gradients, slots, rates) => {
    for (const [i, { path }] of parameters.entries()) slots[`gradient/${path}`]!.assign(gradients[i] as never);
    inner.update(parameters, gradients, slots, rates);
  },
});

interface Case {
  readonly host: Host<HostTensors, State>;
  readonly optimizer: Optimizer;
  /** Start of the online weights, copied into the target where there is one. */
  readonly weights: Values;
  readonly names: Names;
  readonly state?: Tensors;
  readonly steps: readonly { readonly view1: HostTensor; readonly view2: HostTensor }[];
  /** Length of the run that schedules see. Default: the steps given. */
  readonly totalSteps?: number;
}

/** All steps through the trainer: losses, variables and outputs after the first step, variables at the end. */
export async function train(
  { host, optimizer, weights, names, state = {}, steps, totalSteps = steps.length }: Case,
  runtime: Runtime,
) {
  const [batch, side] = steps[0]!.view1.shape as unknown as [number, number];
  const trainer = new Trainer({
    ...{ host, batch, runtime, side, epochs: 1, stepsPerEpoch: totalSteps, seed: 0 },
    optimizer: keepingGradients(optimizer),
    schedule: () => optimizer.learningRate,
    recipes: [{ name: 'given', steps: [], mean: [0, 0, 0], std: [1, 1, 1] }],
  });
  try {
    const fresh = await trainer.snapshot();
    const tensors: Record<string, HostTensor> = { ...fresh.tensors };
    for (const [theirs, ours] of Object.entries(names)) {
      if (weights[theirs] === undefined) continue;
      for (const owner of ['online', 'target']) {
        const path = `${owner}/${ours}`;
        if (path in tensors) tensors[path] = hostValues(weights[theirs]);
      }
    }
    for (const [name, value] of Object.entries(state)) tensors[`host/${name}`] = value;
    await trainer.restore({ ...fresh, tensors });
    const losses: number[] = [];
    let first: Tensors = {};
    for (const [i, images] of steps.entries()) {
      const ids = hostTensor<tf.Rank.R1>([batch], new Int32Array(batch));
      const { metrics, tensors: outputs } = await trainer.step([{ images, ids }], { record: true });
      losses.push(metrics.loss!);
      if (i === 0) first = { ...(await trainer.snapshot()).tensors, ...outputs };
    }
    const last = (await trainer.snapshot()).tensors;
    const read = (from: Tensors, prefix: string, of: Names) =>
      Object.fromEntries(Object.entries(of).map(([theirs, ours]) => [theirs, from[`${prefix}/${ours}`]]));
    return { losses, first, last, read };
  } finally {
    trainer.dispose();
  }
}

/** A batch norm's weights, by the trainer's names. */
export const norm = (theirs: string, ours: string): Names => ({
  [`${theirs}.weight`]: `${ours}/norm/gamma`,
  [`${theirs}.bias`]: `${ours}/norm/beta`,
});
export const running = (theirs: string, ours: string): Names => ({
  [`${theirs}.running_mean`]: `${ours}/norm/mean`,
  [`${theirs}.running_var`]: `${ours}/norm/variance`,
});
export const layer = (theirs: string, ours: string): Names => ({
  [`${theirs}.weight`]: `${ours}/kernel`,
  [`${theirs}.bias`]: `${ours}/bias`,
});
export const kernel = (theirs: string, ours: string): Names => ({ [`${theirs}.weight`]: `${ours}/kernel` });
