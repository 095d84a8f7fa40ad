import {
  type Backbone,
  defineHost,
  globalBatch,
  type Host,
  type HostIo,
  type HostTensor,
  hostScalar,
  integerAtLeast,
  type Module,
  type MomentumOptions,
  onCells,
  type Pass,
  positive,
  prefixed,
  requireMultiple,
  resolveOptions,
  SslError,
  type State,
  softmax,
  unit,
  type Weights,
  within,
  withoutTape,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { mocoHead } from './heads.js';
import { createQueue, push, queueRows } from './queue.js';
import {
  checkDim,
  drawShuffle,
  infoOf,
  momentumTarget,
  mustShuffle,
  needsBackbone,
  observeKeys,
  onePositive,
  REQUIRED,
  recorded,
  shuffleOf,
  twoViews,
} from './shared.js';

export interface DenseclOptions {
  /** Encoder. Required. */
  backbone: Backbone;
  /** Width of the hidden layer of both heads. Default 2048. */
  hidden?: number;
  /** d, size of global and of dense embeddings. Default 128. */
  dim?: number;
  /** A global projector of your own, [n, channels] → [n, dim]. */
  projector?: Module;
  /** A dense head of your own, run on every cell: [cells, channels] → [cells, dim]. */
  denseHead?: Module;
  /** τ > 0 of both terms. Default 0.2. */
  temperature?: number;
  /** K, rows of each of the two queues: a multiple of the batch. Default 65536; for small data at most 4096. */
  queueSize?: number;
  /** λ in [0, 1]: weight of the dense term, 1 − λ that of the global term. Default 0.5; 0 is MoCo v2. */
  denseWeight?: number;
  /** Optimiser steps with λ = 0 at the start. Default 0 (official configurations). */
  warmupSteps?: number;
  /** Cells along one side that the map is averaged to before the dense head; it divides the backbone's. Default: no averaging. */
  denseGrid?: number;
  /** EMA momentum of the key encoder and its heads. Default constant 0.999. */
  momentum?: MomentumOptions;
}

/** Defaults of Wang et al. 2021, arXiv 2011.09157, as the official code has them; spec "hosts" section 8. */
export const DENSECL_DEFAULTS = {
  backbone: REQUIRED as Backbone,
  hidden: 2048,
  dim: 128,
  projector: undefined as Module | undefined,
  denseHead: undefined as Module | undefined,
  temperature: 0.2,
  queueSize: 65536,
  denseWeight: 0.5,
  warmupSteps: 0,
  denseGrid: undefined as number | undefined,
  momentum: { base: 0.999, kind: 'constant' } as MomentumOptions,
} satisfies { [K in keyof Required<DenseclOptions>]: DenseclOptions[K] | undefined };

type Optional = 'projector' | 'denseHead' | 'denseGrid';
type Resolved = Readonly<Required<Omit<DenseclOptions, Optional>> & Pick<DenseclOptions, Optional>>;
type Draws = {
  momentum: HostTensor<tf.Rank.R0>;
  denseWeight: HostTensor<tf.Rank.R0>;
  order?: HostTensor<tf.Rank.R1>;
  inverse?: HostTensor<tf.Rank.R1>;
};

/**
 * For each cell of a query map the best matching cell of the key map of the same image, by cosine of backbone features:
 * argmax_b cos(F_a, F′_b). Constant.
 *
 * @param query [n, g, g, c]. @param key [n, g, g, c]. @returns int32 [n · g²], rows of the key map flattened to [n · g², c].
 */
export const matchCells = (query: tf.Tensor4D, key: tf.Tensor4D): tf.Tensor1D =>
  withoutTape(() => {
    const [n, g, h, c] = query.shape;
    const cells = (map: tf.Tensor4D) => unit(tf.reshape(map, [n, g * h, c]) as tf.Tensor3D);
    const best = tf.argMax(tf.matMul(cells(query), cells(key), false, true), 2);
    const first = tf.range(0, n * g * h, g * h, 'int32');
    return tf.reshape(tf.add(best, tf.expandDims(first, 1)), [-1]) as tf.Tensor1D;
  });

/**
 * DenseCL: MoCo v2 on whole images (term `global`) and on cells of the feature map (term `dense`). Each of a query map's cells is
 * matched with the key map's cell of the most similar backbone feature, and told apart from a queue of other images' mean dense keys:
 *
 *   L = (1 − λ) L_global + λ mean_a [ logsumexp(s_a / τ) − s_a0 / τ ],  s_a = [R_a·R′_match(a), R_a·Q_dense].
 *
 * At most near ln(1 + K), when the queues have filled. Gradient reaches the query side only. The dense term scores n·g² rows against K: core does so in row blocks
 * where the matrix would be large. Metrics: `std` of the queries ({@link embeddingStd}), `positive` mean of q·k, `momentum` of the target.
 *
 * @throws SslError `BAD_OPTION`.
 */
export function densecl(options: DenseclOptions): Host<Draws, State> {
  const o = resolveOptions<Resolved>('densecl', DENSECL_DEFAULTS as Resolved, options, (given) => [
    ...needsBackbone(given),
    ...integerAtLeast(1, given, 'hidden', 'dim', 'queueSize'),
    ...integerAtLeast(0, given, 'warmupSteps'),
    ...positive(given, 'temperature'),
    ...within(0, 1, given, 'denseWeight'),
    ...(given.denseGrid === undefined ? [] : integerAtLeast(1, { denseGrid: given.denseGrid }, 'denseGrid')),
  ]);
  const { backbone, dim, temperature } = o;
  const head = () => mocoHead(backbone.channels, { head: 'mlp', hidden: o.hidden, dim });
  const networks = {
    backbone,
    projector: o.projector ?? head(),
    extra: { dense: o.denseHead ?? head() },
    target: 'momentum',
  } as const;
  const dense = onCells(prefixed('dense', networks.extra.dense));
  const ema = momentumTarget(networks, o.momentum, 'before');

  /** The map as the dense head sees it. */
  const gridOf = (map: tf.Tensor4D): tf.Tensor4D => {
    const size = map.shape[1] / (o.denseGrid ?? map.shape[1]);
    return size === 1 ? map : tf.avgPool(map, size, size, 'valid');
  };
  const denseOf = (map: tf.Tensor4D, weights: Weights, pass: Pass) => dense.apply(weights, gridOf(map), pass);
  const rowsOf = (map: tf.Tensor4D) => unit(tf.reshape(map, [-1, dim]) as tf.Tensor2D);

  const denseRows = ({ online, target, onlineWeights, targetWeights, pass }: HostIo) => {
    const [query, key] = [online.view('view1').map, target.view('view2').map];
    const keys = withoutTape(() => {
      const match = matchCells(gridOf(query), gridOf(key));
      return tf.gather(rowsOf(denseOf(key, targetWeights, pass)), match);
    });
    return { anchors: rowsOf(denseOf(query, onlineWeights, pass)), keys };
  };
  const contrast = (anchors: tf.Tensor2D, keys: tf.Tensor2D, queue: tf.Tensor2D) => ({
    ...{ from: 'view1', to: 'view2', anchors, temperature, share: 1, objective: softmax },
    positives: onePositive(keys),
    negatives: [{ kind: 'shared' as const, rows: queue }],
  });

  return defineHost<Draws, State>({
    name: 'densecl',
    options: recorded(o),
    networks,
    views: twoViews('densecl'),
    info: (input) => {
      requireMultiple('densecl', 'queueSize', o.queueSize, globalBatch(input));
      checkGrid(o.denseGrid, backbone.grid(input.side));
      const negativeRows = { global: o.queueSize, dense: o.queueSize };
      return infoOf(backbone, input, { dim, anchorViews: ['view1'], negativeRows, momentumTarget: true });
    },
    init: (_info, rng) => ({
      ...createQueue('queue', o.queueSize, dim, rng),
      ...createQueue('queue/dense', o.queueSize, dim, rng),
    }),
    draw: (rng, step, info) => ({
      ...ema.draw(step),
      ...(mustShuffle(info) && drawShuffle(rng, info)),
      denseWeight: hostScalar(step.step < o.warmupSteps ? 0 : o.denseWeight),
    }),
    begin: ema.begin,
    shuffle: (draws) => shuffleOf(draws),
    terms: (io) => {
      const { embedding } = io.online.view('view1');
      checkDim('densecl', embedding, dim);
      const { anchors, keys } = denseRows(io);
      const whole = contrast(embedding, io.target.view('view2').embedding, queueRows(io.state, 'queue'));
      const local = contrast(anchors, keys, queueRows(io.state, 'queue/dense'));
      const { denseWeight } = io.draws;
      return [
        { name: 'global', weight: tf.sub(1, denseWeight) as tf.Scalar, comparisons: [whole] },
        { name: 'dense', weight: denseWeight, comparisons: [local] },
      ];
    },
    observe: ({ online, target, draws }) => ({
      ...observeKeys(online.view('view1').embedding, target.view('view2').embedding),
      momentum: draws.momentum,
    }),
    commit: ({ target, targetWeights, state, workers, pass }) => {
      const { embedding, map } = target.view('view2');
      push(state, 'queue', workers.gather(embedding));
      // One dense key an image: the mean of the raw outputs, then unit.
      const keys = unit(tf.mean(denseOf(map, targetWeights, pass), [1, 2]) as tf.Tensor2D);
      push(state, 'queue/dense', workers.gather(keys));
    },
  });
}

function checkGrid(denseGrid: number | undefined, grid: number): void {
  if (denseGrid === undefined || grid % denseGrid === 0) return;
  throw new SslError(
    'BAD_OPTION',
    `[densecl] denseGrid is ${denseGrid}, but it must divide the backbone's grid of ${grid}.`,
    {
      hint: `Choose a divisor of ${grid}, or leave it out to use every cell.`,
    },
  );
}
