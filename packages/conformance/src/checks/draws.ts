import { type AnyPlugin, compose, definePlugin, drawAll, type HostTensors, hostScalar, Rng } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { BATCH, type Cell, RECIPE, SEED, SIDE } from '../cell.js';
import { requireSame } from '../same.js';
import type { Check } from './check.js';

type Draws = { readonly host: HostTensors; readonly plugins: Readonly<Record<string, HostTensors>> };

/** What each part draws in the first three steps. */
function drawsOf(host: Cell['host'], plugins: readonly AnyPlugin[]): readonly Draws[] {
  const rng = Rng.create(SEED);
  const composition = compose({ host: host(), plugins, batch: BATCH, side: SIDE, recipes: [RECIPE], rng });
  tf.dispose([composition.hostState, composition.pluginStates]);
  const steps = [0, 1, 2].map((step) => ({ step, epoch: 1, epochs: 2, stepsPerEpoch: 4 }));
  return steps.map((step) => drawAll(composition, rng, step, 0));
}

/** A method that draws numbers and does nothing else. */
const noisy = (name: string): AnyPlugin =>
  definePlugin({ name, options: {}, draw: (rng) => ({ noise: hostScalar(rng.normal()) }) });

/** With other methods before and after it, everybody draws the same numbers as before. */
export const drawsIndependently: Check = {
  name: 'draws from its own stream and moves nobody else’s',
  run: async ({ host, plugins }) => {
    const alone = drawsOf(host, []);
    const given = drawsOf(host, plugins());
    const crowded = drawsOf(host, [noisy('noisy/before'), ...plugins(), noisy('noisy/after')]);
    for (const [step, draws] of given.entries()) {
      requireSame('Draws of the host', draws.host, alone[step]!.host);
      requireSame('Draws of the host', crowded[step]!.host, alone[step]!.host);
      for (const [name, own] of Object.entries(draws.plugins)) {
        requireSame(`Draws of ${name} beside others`, crowded[step]!.plugins[name]!, own);
      }
    }
  },
};

/** A step is recorded once: the names, shapes and types of its inputs must not change, and every value must be a number. */
export const drawsFixedShapes: Check = {
  name: 'draws finite values of fixed shapes',
  run: async ({ host, plugins }) => {
    const steps = drawsOf(host, plugins());
    for (const name of Object.keys(steps[0]!.plugins)) {
      const layouts = steps.map(({ plugins }) => layoutOf(plugins[name]!));
      const other = layouts.find((layout) => layout !== layouts[0]);
      if (other !== undefined) throw new Error(`${name} draws ${layouts[0]} first, then ${other}.`);
      for (const [key, { data }] of steps.flatMap((s) => Object.entries(s.plugins[name]!))) {
        if (!data.every(Number.isFinite)) throw new Error(`${name} draws a value for ${key} that is not finite.`);
      }
    }
  },
};

const layoutOf = (draws: HostTensors): string =>
  Object.entries(draws)
    .map(([key, t]) => `${key}: ${t.dtype} [${t.shape}]`)
    .join(', ');
