import {
  ALONE,
  type AnyHost,
  type AnyPlugin,
  compose,
  type HostTensors,
  type Optimizer,
  type Parameter,
  phasesOf,
  Rng,
  type Runtime,
  readVariables,
  stepFunction,
  type Tensors,
  type Trainer,
  targetSpecs,
  type Weights,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { BATCH, type Cell, RECIPE, runSteps, SEED, SIDE, trainerOf, using } from '../cell.js';
import { requireSame } from '../same.js';
import type { Check } from './check.js';

/** An optimiser that moves nothing and shows the gradients. */
const watching = (seen: (gradients: readonly tf.Tensor[]) => void): Optimizer => ({
  name: 'watching',
  options: {},
  learningRate: 0,
  slots: () => ({}),
  update: (_parameters, gradients) => seen(gradients),
});

const weightsUnder = (trainer: Trainer, prefix: string): Weights =>
  Object.fromEntries(
    Object.entries(trainer.variables)
      .filter(([path]) => path.startsWith(prefix))
      .map(([path, v]) => [path.slice(prefix.length), v]),
  );

/**
 * The step's own gradients, asked for target weights as if they were trained. One online weight goes along, since tfjs refuses to
 * differentiate where nothing is connected.
 */
export const targetGetsNoGradient: Check = {
  name: 'passes no gradient to the target network',
  run: async (cell) => {
    const { networks } = cell.host();
    if (networks.target === 'online') return; // the online network, stopped: there are no target weights
    const inputs = await inputsOfFirstStep(cell);
    await using(trainerOf(cell), async (trainer) => {
      const targetWeights = weightsUnder(trainer, 'target/');
      const onlineWeights = weightsUnder(trainer, 'online/');
      const specs = targetSpecs(networks);
      const parameters = Object.entries(specs)
        .filter(([, spec]) => spec.role !== 'statistic' && spec.frozen !== true)
        .map(([name, spec]): Parameter => ({ path: name, variable: targetWeights[name]!, spec }));
      for (const { variable } of parameters) variable.trainable = true;
      const online = Object.keys(specs).find((name) => onlineWeights[name]!.trainable)!;
      parameters.push({ path: online, variable: onlineWeights[online]!, spec: specs[online]! });
      const composition = compose({ ...partsOf(cell), rng: Rng.create(SEED) });
      const sizes: number[] = [];
      const optimizer = watching((gradients) => {
        for (const gradient of gradients) sizes.push(tf.max(tf.abs(gradient)).dataSync()[0]!);
      });
      const context = {
        composition,
        onlineWeights,
        targetWeights,
        parameters,
        optimizer,
        slots: {},
        accumulators: [],
        guard: undefined,
        workers: ALONE,
        pass: { training: true, updateStats: true },
        stepNumber: () => 0,
      };
      const phases = phasesOf(composition, trainer.stepInfo(0));
      tf.tidy(() => {
        const device = Object.fromEntries(
          Object.entries(inputs).map(([name, t]) => [name, tf.tensor(t.data, t.shape as number[], t.dtype)]),
        );
        stepFunction(context, { phases, first: false, last: true, accumulate: 1 })(device as Tensors);
      });
      tf.dispose([composition.hostState, composition.pluginStates]);
      const reached = parameters.slice(0, -1).filter((_, i) => sizes[i] !== 0);
      if (reached.length > 0) throw new Error(`Gradient reaches target/${reached[0]!.path}.`);
      if (!(sizes.at(-1)! > 0)) throw new Error(`No gradient reaches online/${online} either: nothing was learnt.`);
    });
  },
};

const partsOf = ({ host, plugins }: Cell) => ({
  host: host(),
  plugins: plugins(),
  batch: BATCH,
  side: SIDE,
  recipes: [RECIPE],
});

/** What the trainer feeds into its first step. */
async function inputsOfFirstStep(cell: Cell): Promise<HostTensors> {
  let inputs: HostTensors = {};
  const runtime: Runtime = {
    name: 'catching',
    createProgram: () => ({
      prepare: async (_name, _step, example) => {
        inputs = example;
        return { run: async () => ({ loss: { shape: [], dtype: 'float32', data: Float32Array.of(0) } as never }) };
      },
      pull: async () => {},
      push: async () => {},
      dispose: () => {},
    }),
  };
  await using(trainerOf(cell, runtime), (trainer) => runSteps(trainer, 1));
  return inputs;
}

const withoutCommit = <T extends AnyHost | AnyPlugin>(part: T): T => {
  const { commit: _, ...rest } = part;
  return rest as T;
};

/** Rings, pointers and running statistics of host and methods: written by `commit` and by nothing else, the optimiser included. */
export const onlyCommitWritesState: Check = {
  name: 'leaves rings and other state to commit: neither passes nor the optimiser move them',
  run: async ({ host, plugins }) => {
    const cell: Cell = { host: () => withoutCommit(host()), plugins: () => plugins().map(withoutCommit) };
    await using(trainerOf(cell), async (trainer) => {
      const constants = Object.fromEntries(
        Object.entries(trainer.variables).filter(
          ([path, v]) => (path.startsWith('host/') || path.startsWith('plugins/')) && !v.trainable,
        ),
      );
      const before = await readVariables(constants);
      await runSteps(trainer, 2);
      requireSame('State without commit', await readVariables(constants), before);
    });
  },
};
