import {
  type Backbone,
  type Host,
  type HostTensors,
  Rng,
  type State,
  scoreTerms,
  type Weights,
} from '@contrastive/core';
import type { ParityKinds } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { densecl, matchCells } from '../src/index.js';
import { feed } from '../test/feed.js';
import { allValues, hostValues, type Nested } from './values.js';

/** Names of the fixture's head weights in the host's networks. */
const HEADS: Readonly<Record<string, string>> = {
  globalW1: 'projector/layer0/kernel',
  globalB1: 'projector/layer0/bias',
  globalW2: 'projector/layer1/kernel',
  globalB2: 'projector/layer1/bias',
  denseW1: 'dense/layer0/kernel',
  denseB1: 'dense/layer0/bias',
  denseW2: 'dense/layer1/kernel',
  denseB2: 'dense/layer1/bias',
};

interface Inputs {
  readonly featureQuery: Nested;
  readonly featureKey: Nested;
  readonly heads: Readonly<Record<string, Nested>>;
  readonly queue: Nested;
  readonly queueDense: Nested;
}

/** Stands for the encoder whose maps are given. */
const given = (channels: number): Backbone => ({
  ...{ name: 'given', options: {}, channels, stride: 1, specs: {} },
  grid: (side) => side,
  apply: () => {
    throw new Error('maps are given');
  },
});

const step: ParityKinds[string] = async ({ inputs, params }, { run }) => {
  const { featureQuery, featureKey, heads, queue, queueDense } = inputs as Inputs;
  const {
    temperature,
    lambda,
    pointerBefore = 0,
  } = params as {
    readonly temperature: number;
    readonly lambda: number;
    readonly pointerBefore?: number;
  };
  const [queueRows, denseQueueRows] = [hostValues(queue), hostValues(queueDense)];
  const [size, dim] = queueRows.shape as unknown as [number, number];
  const query = hostValues(featureQuery);
  const [batch, height, width, channels] = query.shape as unknown as [number, number, number, number];
  const cells = height * width;
  const hidden = (heads.globalB1 as readonly number[]).length;
  const sizes = { hidden, dim, queueSize: size };
  const host: Host<HostTensors, State> = densecl({
    backbone: given(channels),
    ...sizes,
    temperature,
    denseWeight: lambda,
  });
  const state = host.init!(host.info({ batch, side: height }), Rng.create(0));
  state.queue!.assign(tf.tensor(queueRows.data, [size, dim]));
  state['queue/dense']!.assign(tf.tensor(denseQueueRows.data, [size, dim]));
  for (const name of ['queue/pointer', 'queue/dense/pointer']) state[name]!.assign(tf.scalar(pointerBefore, 'int32'));

  const headNames = Object.keys(heads);
  const outputs = await run(
    (tensors) => {
      const io = (map: tf.Tensor, headTensors: readonly tf.Tensor[]) => {
        const weightsOf = (values: readonly tf.Tensor[]) =>
          Object.fromEntries(headNames.map((name, i) => [HEADS[name]!, values[i]!])) as unknown as Weights;
        const projected = (x: tf.Tensor, weights: Weights) => {
          const own = Object.fromEntries(
            Object.keys(host.networks.projector.specs).map((name) => [name, weights[`projector/${name}`]!]),
          );
          const pooled = tf.mean(x, [1, 2]) as tf.Tensor2D;
          const projection = host.networks.projector.apply(own, pooled, { training: true, updateStats: true });
          return { projection, map: x as tf.Tensor4D };
        };
        const [onlineWeights, targetWeights] = [weightsOf(headTensors), weightsOf(headNames.map((n) => tensors[n]!))];
        return feed({
          online: { view1: projected(map, onlineWeights) },
          target: { view2: projected(tensors.featureKey!, targetWeights) },
          ...{ state, onlineWeights, targetWeights, draws: { denseWeight: tf.scalar(lambda) } },
        });
      };
      const headTensors = headNames.map((name) => tensors[name]!);
      const { value, grads } = tf.valueAndGrads(
        (map: tf.Tensor, ...rest: tf.Tensor[]) => scoreTerms(host.terms(io(map, rest))).total,
      )([tensors.featureQuery!, ...headTensors]);
      const fed = io(tensors.featureQuery!, headTensors);
      const [whole, dense] = scoreTerms(host.terms(fed)).scored.map(({ loss, term }) => tf.mul(loss, term.weight));
      const match = matchCells(tensors.featureQuery as tf.Tensor4D, tensors.featureKey as tf.Tensor4D);
      host.commit!(fed);
      return {
        ...{ loss: value, lossGlobalWeighted: whole!, lossDenseWeighted: dense!, gradFeatureQuery: grads[0]! },
        matchIndex: tf.mod(tf.reshape(match, [batch, cells]), tf.scalar(cells, 'int32')),
        ...Object.fromEntries(headNames.map((name, i) => [`gradHeads/${name}`, grads[i + 1]!])),
      };
    },
    { featureQuery: query, featureKey: hostValues(featureKey), ...allValues(heads) },
    state,
  );
  return {
    ...outputs,
    gradHeads: Object.fromEntries(headNames.map((name) => [name, outputs[`gradHeads/${name}`]!])),
    ...{ queueAfter: state.queue!, queueDenseAfter: state['queue/dense']!, pointerAfter: state['queue/pointer']! },
  };
};

export const kinds: ParityKinds = { 'hosts/densecl': step };
