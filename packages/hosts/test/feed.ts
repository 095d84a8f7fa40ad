import {
  ALONE,
  type Branch,
  type Encoded,
  type Host,
  type HostTensors,
  type State,
  scoreTerms,
  stopGradient,
  unit,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Outputs of one pass, made by hand. Without `prediction` the embedding is the unit projection. */
export interface Fed {
  readonly projection: tf.Tensor2D;
  readonly prediction?: tf.Tensor2D;
  readonly map?: tf.Tensor4D;
}
export type FedViews = Readonly<Record<string, Fed>>;

const encoded = ({ projection, prediction, map }: Fed): Encoded => ({
  map: map ?? tf.zeros([projection.shape[0], 1, 1, 1]),
  pooled: projection,
  projection,
  embedding: unit(prediction ?? projection),
});

const branch = (views: FedViews, encode: (fed: Fed) => Encoded): Branch => {
  const unused = () => {
    throw new Error('only views are fed by hand');
  };
  return { view: (name) => encode(views[name]!), encode: unused, project: unused };
};

/** What a host's hooks read, with the outputs of its networks given by hand. Without `target`: the online projections. */
export function feed({
  online,
  target,
  state = {},
  labels,
  draws = {},
  onlineWeights = {},
  targetWeights = {},
}: {
  readonly online: FedViews;
  readonly target?: FedViews;
  readonly state?: State;
  readonly labels?: tf.Tensor1D;
  readonly draws?: Readonly<Record<string, tf.Tensor>>;
  readonly onlineWeights?: Readonly<Record<string, tf.Variable>>;
  readonly targetWeights?: Readonly<Record<string, tf.Variable>>;
}) {
  const [first] = Object.values(online);
  const ids = tf.range(0, first!.projection.shape[0], 1, 'int32');
  const stopped = ({ projection, map }: Fed): Encoded =>
    encoded({ projection: stopGradient(projection), ...(map && { map: stopGradient(map) }) });
  return {
    ...{ images: {}, ids, labels: labels ?? (tf.fill([ids.size], -1, 'int32') as tf.Tensor1D) },
    ...{ state, draws, onlineWeights, targetWeights },
    ...{ workers: ALONE, pass: { training: true, updateStats: true } },
    online: branch(online, encoded),
    target: branch(target ?? online, stopped),
  };
}

/** The host's loss for outputs given by hand. */
export const lossOf = (host: Host<HostTensors, State>, fed: Parameters<typeof feed>[0]): tf.Scalar =>
  scoreTerms(host.terms(feed(fed))).total;
