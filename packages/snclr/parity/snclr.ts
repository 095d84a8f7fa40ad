import {
  type HostTensor,
  hostScalar,
  hostTensor,
  lars,
  type Parameter,
  type ScoredTerm,
  scoreTerms,
  type Tensors,
} from '@contrastive/core';
import type { ParityAdapter, ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { bankIn, storeKeys } from '../src/bank.js';
import { type SnclrOptions, snclr } from '../src/index.js';
import { bankOf, ioOf, type Rows } from '../test/branches.js';

type Matrix = readonly (readonly number[])[];
type Weight = Matrix | readonly number[];
interface Params {
  readonly temperature: number;
  readonly K: number;
  readonly threshold?: boolean;
  readonly pointerBefore?: number;
  readonly lossForm?: 'code' | 'inLog';
  readonly positivenessGrad?: boolean;
}

const LETTERS = ['y1', 'y2', 'z1', 'z2', 'k1', 'k2'] as const;
const onHost = (rows: Matrix): HostTensor => hostTensor<tf.Rank.R2>([rows.length, rows[0]!.length], rows.flat());

/** One step over MoCo v3 from given outputs of its networks: encode, edit, score, gradients, commit. */
const snclrStep: ParityAdapter = async (fixture, { run }) => {
  const { bank, ...rows } = fixture.inputs as Record<(typeof LETTERS)[number] | 'bank', Matrix>;
  const params = fixture.params as Params;
  const { threshold = false, lossForm = 'code', positivenessGrad = true } = params;
  const state = bankOf(tf.tensor2d(bank as number[][]), { pointer: params.pointerBefore ?? 0 });
  const plugin = snclr({
    ...{ neighbours: params.K, bankSize: bank.length, threshold, lossForm },
    positivenessGradient: positivenessGrad,
  } satisfies SnclrOptions);
  // The reference of the paper's form leaves the factor 2τ out.
  const host = { state, temperature: params.temperature, ...(lossForm === 'inLog' && { share: 1 }) };
  const forward = (on: Tensors) => {
    const io = ioOf({ ...host, rows: on as unknown as Rows });
    const features = plugin.encode!(io);
    const { total, scored } = scoreTerms(plugin.edit!(io.hostTerms, { ...io, features }));
    return { io: { ...io, features }, total, scored: scored[0]! };
  };
  const outputs = await run(
    (on) => {
      const { io, total, scored } = forward(on);
      const trained = LETTERS.filter((name) => name[0] === 'z' || (name[0] === 'y' && positivenessGrad));
      const gradients = tf.grads(
        (...xs: tf.Tensor[]) =>
          forward({ ...on, ...Object.fromEntries(trained.map((name, i) => [name, xs[i]!])) }).total,
      )(trained.map((name) => on[name]!));
      plugin.commit!(io);
      return {
        loss: total,
        ...directionOutputs(scored, 0, io.features['places/view1']!),
        ...directionOutputs(scored, 1, io.features['places/view2']!),
        ...Object.fromEntries(trained.map((name, i) => [`grad${name.toUpperCase()}`, gradients[i]!])),
      };
    },
    Object.fromEntries(LETTERS.map((name) => [name, onHost(rows[name])])),
    state,
  );
  return { ...outputs, bankAfter: state['bank/keys'], pointerAfter: state['bank/keys/pointer'] };
};

function directionOutputs(scored: ScoredTerm, index: number, places: tf.Tensor): Tensors {
  const { comparison, losses, scores } = scored.comparisons[index]!;
  const [n, count] = places.shape as [number, number];
  const [keys, neighbours] = scores!.negatives;
  // Column j (K + 1) + t: own key of image j, then its neighbours.
  const columns = tf.concat([tf.reshape(keys!, [n, n, 1]), tf.reshape(neighbours!, [n, n, count])], 2);
  const name = index + 1;
  return {
    [`dir${name}`]: tf.mul(tf.mean(losses), comparison.share),
    [`neighbours${name}`]: places,
    [`weights${name}`]: tf.slice(comparison.positives.weights!, [0, 1], [-1, count]),
    [`logits${name}`]: tf.div(tf.reshape(columns, [n, n * (count + 1)]), comparison.temperature),
    [`rowLoss${name}`]: losses,
  };
}

const ringWrites: ParityAdapter = async (fixture, { run }) => {
  const { pointers, rows } = fixture.inputs as { pointers: number[]; rows: Matrix };
  const { bankSize } = fixture.params as { bankSize: number };
  const results: unknown[] = [];
  for (const pointer of pointers) {
    const state = bankOf(tf.zeros([bankSize, 1]), { pointer });
    const unknown = () => tf.fill([rows.length], -1, 'int32') as tf.Tensor1D;
    const step = (on: Tensors): Tensors => {
      storeKeys(bankIn(state), on.rows as tf.Tensor2D, unknown(), unknown());
      return { rows: tf.clone(on.rows!) };
    };
    await run(step, { rows: onHost(rows) }, state);
    results.push({
      bank: await state['bank/keys']!.data(),
      pointerAfter: (await state['bank/keys/pointer']!.data())[0],
    });
  }
  return { results };
};

const weightOnHost = (values: Weight): HostTensor =>
  typeof values[0] === 'number' ? hostTensor([values.length], values as number[]) : onHost(values as Matrix);

/** SNCLR's optimiser for ResNets: a step for each list of gradients of matrices and vectors. */
const larsSteps: ParityAdapter = async (fixture, { run }) => {
  const { params, grads } = fixture.inputs as { params: Weight[]; grads: Weight[][] };
  const { lr, weightDecay, momentum, trustCoefficient } = fixture.params as Record<
    'lr' | 'weightDecay' | 'momentum' | 'trustCoefficient',
    number
  >;
  const optimizer = lars({ dialect: 'mocoV3', learningRate: lr, weightDecay, momentum, trust: trustCoefficient });
  const parameters = params.map((values, i): Parameter => {
    const variable = tf.variable(tf.tensor(values as number[]));
    const role = variable.rank > 1 ? 'kernel' : 'bias';
    return {
      path: `p${i}`,
      variable,
      spec: { shape: variable.shape, role, init: () => new Float32Array(variable.size) },
    };
  });
  const slots = optimizer.slots(parameters);
  const variables = { ...Object.fromEntries(parameters.map((p) => [`weight/${p.path}`, p.variable])), ...slots };
  const rate = hostScalar(lr);
  const paramsAfterEachStep: unknown[] = [];
  for (const step of grads) {
    await run(
      ({ scheduled, ...given }) => {
        const rates = { scheduled: scheduled as tf.Scalar, base: scheduled as tf.Scalar };
        const gradients = parameters.map(({ path }) => given[path]!);
        optimizer.update(parameters, gradients, slots, rates);
        return { done: tf.clone(scheduled!) };
      },
      { ...Object.fromEntries(step.map((values, i) => [`p${i}`, weightOnHost(values)])), scheduled: rate },
      variables,
    );
    paramsAfterEachStep.push(await Promise.all(parameters.map(async ({ variable }) => variable.array())));
  }
  return { paramsAfterEachStep };
};

export const kinds: ParityKinds = {
  'snclr/step_': snclrStep,
  'snclr/inlog': snclrStep,
  'snclr/code': snclrStep,
  'snclr/ring': ringWrites,
  'snclr/lars': larsSteps,
};
