import * as tf from '@tensorflow/tfjs-core';
import { onlineSpecs, targetSpecs } from './branches.js';
import type { Composition } from './compose.js';
import { copyWeights, createWeights } from './module.js';
import type { Optimizer, Parameter } from './optim/optimizer.js';
import type { State } from './plugin.js';
import type { Rng } from './rng.js';
import type { StepContext } from './step.js';

/** Allocates weights, target copy, optimiser slots and accumulators of a composition. */
export function allocate(composition: Composition, optimizer: Optimizer, rng: Rng, accumulate: number) {
  const { host, plugins, hostState, pluginStates } = composition;
  const { networks } = host;
  const specs = onlineSpecs(networks);
  const onlineWeights = createWeights(specs, rng.fork('weights'), 'online/');
  const targetWeights =
    networks.target === 'momentum' ? copyWeights(targetSpecs(networks), onlineWeights, 'target/') : {};
  const parameters: Parameter[] = Object.entries(onlineWeights)
    .filter(([, variable]) => variable.trainable)
    .map(([name, variable]) => ({ path: `online/${name}`, variable, spec: specs[name]! }));
  const state: Record<string, tf.Variable> = { ...under('host', hostState) };
  for (const p of plugins) Object.assign(state, under(`plugins/${p.name}`, pluginStates[p.name]!));
  for (const [path, variable] of Object.entries(state)) {
    if (variable.trainable) parameters.push({ path, variable, spec: learnedSpec(variable) });
  }
  const slots = optimizer.slots(parameters);
  const accumulators =
    accumulate === 1 ? [] : parameters.map((p) => tf.tidy(() => tf.variable(tf.zerosLike(p.variable), false)));
  const variables = {
    ...under('online', onlineWeights),
    ...under('target', targetWeights),
    ...state,
    ...under('optimizer', slots),
    ...Object.fromEntries(accumulators.map((v, i) => [`accumulated/${parameters[i]!.path}`, v])),
  };
  const context: Omit<StepContext, 'stepNumber' | 'guard' | 'workers' | 'pass'> = {
    composition,
    onlineWeights,
    targetWeights,
    parameters,
    optimizer,
    slots,
    accumulators,
  };
  return { context, variables };
}

const under = (prefix: string, state: State): Record<string, tf.Variable> =>
  Object.fromEntries(Object.entries(state).map(([name, v]) => [`${prefix}/${name}`, v]));

/** A learned variable of a plug-in is decayed like a kernel, unless it is a vector. */
const learnedSpec = (v: tf.Variable): Parameter['spec'] => ({
  shape: v.shape,
  role: v.rank > 1 ? 'kernel' : 'bias',
  init: () => new Float32Array(v.size),
});
