import type { Fixture, ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { adam, adamW, type LarsDialect, lars, type Optimizer, type Parameter, sgd } from '../src/index.js';
import { hostValues, type Nested } from './host-values.js';

interface OptimInputs {
  /** Usually a matrix and a vector. */
  readonly params: readonly Nested[];
  /** Gradients of all, for each step. */
  readonly grads: readonly (readonly Nested[])[];
}
interface OptimParams {
  readonly lr: number;
  readonly momentum?: number;
  readonly weightDecay: number;
  readonly nesterov?: boolean;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly eta?: number;
  readonly clipLr?: boolean;
  /** Whether vectors are left out of decay and scaling, by the names that the implementations have for it. */
  readonly excludeVectors?: boolean;
  readonly noDecayOnVector?: boolean;
  readonly vectorExcluded?: boolean;
  readonly dialect?: string;
}
const DIALECTS: Readonly<Record<string, LarsDialect>> = {
  lightly: 'lightly',
  solo: 'solo',
  openselfsup: 'openSelfSup',
  mocov3: 'mocoV3',
};

const withMomentum = ({ lr, momentum = 0, weightDecay }: OptimParams) => ({ learningRate: lr, momentum, weightDecay });
const moments = ({ lr, betas, eps = 1e-8, weightDecay }: OptimParams) => ({
  ...{ learningRate: lr, beta1: betas?.[0] ?? 0.9, beta2: betas?.[1] ?? 0.999, epsilon: eps, weightDecay },
});
const larsOf = (p: OptimParams) =>
  lars({
    ...withMomentum(p),
    ...{ trust: p.eta!, clip: p.clipLr ?? false, dialect: DIALECTS[p.dialect!]! },
    excludeVectors: p.excludeVectors ?? p.noDecayOnVector ?? p.vectorExcluded ?? true,
  });

/** One step for each list of given gradients; the step runs in the runtime under test. */
const descend =
  (optimizerOf: (params: OptimParams) => Optimizer) =>
  async (fixture: Fixture, { run }: Parameters<ParityKinds[string]>[1]) => {
    const { params, grads } = fixture.inputs as OptimInputs;
    const optimizer = optimizerOf(fixture.params as OptimParams);
    const parameters = params.map((values, i): Parameter => {
      const initial = tf.tensor(values as tf.TensorLike);
      const role = initial.rank > 1 ? 'kernel' : 'bias';
      const spec = { shape: initial.shape, role, init: () => new Float32Array() } as const;
      return { path: String(i), variable: tf.variable(initial), spec };
    });
    const slots = optimizer.slots(parameters);
    const variables = { ...slots, ...Object.fromEntries(parameters.map((p) => [`weight/${p.path}`, p.variable])) };
    const rate = tf.scalar(optimizer.learningRate);
    const paramsAfterEachStep: unknown[] = [];
    for (const pair of grads) {
      const inputs = Object.fromEntries(pair.map((values, i) => [String(i), hostValues(values)]));
      await run(
        (given) => {
          const gradients = parameters.map(({ path }) => given[path]!);
          optimizer.update(parameters, gradients, slots, { scheduled: rate, base: rate });
          return {};
        },
        inputs,
        variables,
      );
      paramsAfterEachStep.push(parameters.map(({ variable }) => variable.arraySync()));
    }
    return { paramsAfterEachStep };
  };

export const kinds: ParityKinds = {
  'hosts/opt_sgd': descend((p) => sgd({ ...withMomentum(p), nesterov: p.nesterov ?? false })),
  'hosts/opt_adam_l2': descend((p) => adam(moments(p))),
  'hosts/opt_adamw': descend((p) => adamW(moments(p))),
  'hosts/opt_lars': descend(larsOf),
};
