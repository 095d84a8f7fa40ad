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
  readonly positivenessTau?: number;
  readonly weighting?: SnclrOptions['weighting'];
  readonly ownWeight?: number;
  readonly normaliseTargets?: boolean;
  readonly queryForNN?: 'key' | 'online';
  readonly enqueue?: SnclrOptions['enqueue'];
  readonly dedupeNegatives?: boolean;
  readonly neighboursAsNegatives?: boolean;
  readonly symmetric?: boolean;
}

/** Options of the plug-in, from the reference's names for them. */
function optionsOf(p: Params, bankSize: number): SnclrOptions {
  const given = {
    ...{ threshold: p.threshold, lossForm: p.lossForm, positivenessGradient: p.positivenessGrad },
    ...{ positivenessTemperature: p.positivenessTau, weighting: p.weighting, ownWeight: p.ownWeight },
    ...{ normaliseTargets: p.normaliseTargets, query: p.queryForNN, enqueue: p.enqueue, symmetric: p.symmetric },
    ...{ dedupeNegatives: p.dedupeNegatives, neighboursAsNegatives: p.neighboursAsNegatives },
  };
  const stated = Object.entries(given).filter(([, value]) => value !== undefined);
  return { neighbours: p.K, bankSize, ...Object.fromEntries(stated) };
}

const LETTERS = ['y1', 'y2', 'z1', 'z2', 'k1', 'k2'] as const;
const onHost = (rows: Matrix): HostTensor => hostTensor<tf.Rank.R2>([rows.length, rows[0]!.length], rows.flat());

/** One step over MoCo v3 from given outputs of its networks: encode, edit, score, gradients, commit. */
const snclrStep: ParityAdapter = async (fixture, { run }) => {
  const { bank, ...rows } = fixture.inputs as Record<(typeof LETTERS)[number] | 'bank', Matrix>;
  const params = fixture.params as Params;
  const { lossForm = 'code', positivenessGrad = true, weighting = 'positiveness' } = params;
  const areWeightsTrained = positivenessGrad && weighting === 'positiveness';
  const state = bankOf(tf.tensor2d(bank as number[][]), { pointer: params.pointerBefore ?? 0 });
  const plugin = snclr(optionsOf(params, bank.length));
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
      const trained = LETTERS.filter((name) => name[0] === 'z' || (name[0] === 'y' && areWeightsTrained));
      const gradients = tf.grads(
        (...xs: tf.Tensor[]) =>
          forward({ ...on, ...Object.fromEntries(trained.map((name, i) => [name, xs[i]!])) }).total,
      )(trained.map((name) => on[name]!));
      // Without neighbours the plug-in keeps no bank; the reference still writes its own.
      if (params.K > 0) plugin.commit!(io);
      else storeKeys(bankIn(state), on.k2 as tf.Tensor2D, io.ids, io.labels);
      return {
        loss: total,
        ...Object.assign({}, ...scored.comparisons.map((_, i) => directionOutputs(scored, i, io.features))),
        ...(!areWeightsTrained && { gradY1: tf.zerosLike(on.y1!), gradY2: tf.zerosLike(on.y2!) }),
        ...Object.fromEntries(trained.map((name, i) => [`grad${name.toUpperCase()}`, gradients[i]!])),
      };
    },
    Object.fromEntries(LETTERS.map((name) => [name, onHost(rows[name])])),
    state,
  );
  return { ...outputs, bankAfter: state['bank/keys'], pointerAfter: state['bank/keys/pointer'] };
};

function directionOutputs(scored: ScoredTerm, index: number, features: Tensors): Tensors {
  const { comparison, losses, scores } = scored.comparisons[index]!;
  const n = comparison.anchors.shape[0];
  const places = features[`places/${comparison.from}`];
  const [keys, neighbours] = scores!.negatives;
  const name = index + 1;
  const common = { [`dir${name}`]: tf.mul(tf.mean(losses), comparison.share), [`rowLoss${name}`]: losses };
  if (places === undefined || neighbours === undefined) {
    return { ...common, [`logits${name}`]: tf.div(keys!, comparison.temperature) };
  }
  const count = places.shape[1]!;
  // Column j (K + 1) + t: own key of image j, then its neighbours.
  const columns = tf.concat([tf.reshape(keys!, [n, n, 1]), tf.reshape(neighbours, [n, n, count])], 2);
  return {
    ...common,
    [`neighbours${name}`]: places,
    [`weights${name}`]: tf.slice(comparison.positives.weights!, [0, 1], [-1, count]),
    [`logits${name}`]: tf.div(tf.reshape(columns, [n, n * (count + 1)]), comparison.temperature),
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
