import {
  type Backbone,
  type Comparison,
  defineHost,
  globalBatch,
  type Host,
  type HostIo,
  type HostTensor,
  integerAtLeast,
  type Module,
  type MomentumOptions,
  type OptionIssue,
  oneOf,
  positive,
  type Rng,
  requireMultiple,
  resolveOptions,
  type State,
  type StepInfo,
  softmax,
} from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';
import { mocoHead } from './heads.js';
import { createQueue, push, queueRows } from './queue.js';
import {
  checkDim,
  drawShuffle,
  type EmaPlacement,
  embeddingStd,
  type HostView,
  infoOf,
  momentumTarget,
  mustShuffle,
  needsBackbone,
  observeKeys,
  onePositive,
  otherView,
  REQUIRED,
  recorded,
  shuffleOf,
  twoViews,
  VIEWS,
} from './shared.js';

export interface MocoOptions {
  /** Encoder. Required. */
  backbone: Backbone;
  /**
   * Projector: `mlp` Linear, ReLU, Linear; `linear` one layer (v1, CIFAR demo). Biases, no batch norm. Default `mlp` (v2).
   */
  head?: 'mlp' | 'linear';
  /** Width of the hidden layer of `mlp`. Default: the backbone's channels (v2); v2+ 2048. */
  hidden?: number;
  /** d, size of an embedding. Default 128; v2+ 256. */
  dim?: number;
  /** A projector of your own, [n, channels] → [n, dim], in place of `head`. */
  projector?: Module;
  /** τ > 0. Default 0.2 (v2); v1 0.07, CIFAR demo 0.1. */
  temperature?: number;
  /** K, keys in a queue: a multiple of the keys that a step adds. Default 65536; CIFAR demo 4096. */
  queueSize?: number;
  /**
   * `asymmetric`: view 1 asks, view 2 answers; only view 1 is trained. `mean` and `sum` of both directions: twice the work, about
   * as good as twice the epochs; `sum` also doubles the effective learning rate. Default `asymmetric` (v1, v2); v2+ `mean`.
   */
  loss?: 'asymmetric' | 'mean' | 'sum';
  /**
   * `one` queue for all keys (of a symmetric loss: keys of view 1, then of view 2); `perView`: keys of view 2 meet the queue of
   * view 2 and so on, for symmetric losses. Default `one`; v2+ `perView`.
   */
  queues?: 'one' | 'perView';
  /** EMA momentum of the key encoder. Default constant 0.999 (v1, v2); v2+ cosine 0.99 → 0.999, CIFAR demo constant 0.99. */
  momentum?: MomentumOptions;
  /** Whether the EMA moves before the step's passes (v1, v2) or after its optimiser (v2+). Default `before`. */
  emaPlacement?: EmaPlacement;
  /**
   * Shuffle batch norm: keys are encoded in a random order. Only matters for backbones whose batch norm works on splits of the batch;
   * with whole-batch statistics it changes nothing. Default false; CIFAR demo true, with 8 splits. Several workers with local batch
   * norm shuffle over all of them whatever this says.
   */
  shuffle?: boolean;
}

/** Defaults are MoCo v2 (He et al. 2020, arXiv 1911.05722; Chen et al. 2020, arXiv 2003.04297; spec "hosts" section 4). */
export const MOCO_DEFAULTS = {
  backbone: REQUIRED as Backbone,
  head: 'mlp',
  hidden: undefined as number | undefined,
  dim: 128,
  projector: undefined as Module | undefined,
  temperature: 0.2,
  queueSize: 65536,
  loss: 'asymmetric',
  queues: 'one',
  momentum: { base: 0.999, kind: 'constant' } as MomentumOptions,
  emaPlacement: 'before',
  shuffle: false,
} satisfies { [K in keyof Required<MocoOptions>]: MocoOptions[K] | undefined };

type Resolved = Readonly<Required<Omit<MocoOptions, 'hidden' | 'projector'>> & Pick<MocoOptions, 'projector'>> & {
  readonly hidden?: number;
};

/** What {@link moco} changes for version 1: linear head and τ 0.07. */
export const MOCO_V1 = { head: 'linear', temperature: 0.07 } as const satisfies Partial<MocoOptions>;

/** What {@link moco} changes for solo-learn's v2+: a queue per view, symmetric mean, wider head, rising momentum. */
export const MOCO_V2_PLUS = {
  hidden: 2048,
  dim: 256,
  loss: 'mean',
  queues: 'perView',
  momentum: { base: 0.99, final: 0.999, kind: 'cosine' },
  emaPlacement: 'after',
} as const satisfies Partial<MocoOptions>;

/** What {@link moco} changes for the official CIFAR-10 demo, which also has 8 splits in the backbone's batch norm. */
export const MOCO_CIFAR_DEMO = {
  head: 'linear',
  temperature: 0.1,
  queueSize: 4096,
  momentum: { base: 0.99, kind: 'constant' },
  shuffle: true,
} as const satisfies Partial<MocoOptions>;

type Draws = { momentum: HostTensor<tf.Rank.R0>; order?: HostTensor<tf.Rank.R1>; inverse?: HostTensor<tf.Rank.R1> };

/**
 * Momentum contrast, versions 1, 2 and 2+ (see {@link MOCO_V1}, {@link MOCO_V2_PLUS}): queries of the trained encoder are told apart
 * from a queue of older keys of its momentum copy,
 *
 *   L = mean_i [ logsumexp(s_i / τ) − s_i0 / τ ],  s_i = [q_i·k_i, q_i·Q].
 *
 * At most near ln(1 + K), when the queue has filled. Gradient reaches queries only. All scores see the queue as it was when the step began; keys enter it
 * after both directions were scored. Metrics: `std` of the queries ({@link embeddingStd}), `positive` mean of q·k, `momentum` of the target.
 *
 * @throws SslError `BAD_OPTION`.
 */
export function moco(options: MocoOptions): Host<Draws, State> {
  const o = resolveOptions<Resolved>('moco', MOCO_DEFAULTS as Resolved, options, checkMoco);
  const { backbone, dim } = o;
  const projector = o.projector ?? mocoHead(backbone.channels, o);
  const networks = { backbone, projector, target: 'momentum' } as const;
  const ema = momentumTarget(networks, o.momentum, o.emaPlacement);
  const asking: readonly HostView[] = o.loss === 'asymmetric' ? ['view1'] : VIEWS;
  const answering = o.loss === 'asymmetric' ? (['view2'] as const) : VIEWS;
  const queueOf = (keys: HostView) => (o.queues === 'one' ? 'queue' : `queue/${keys}`);
  const queueNames = [...new Set(answering.map(queueOf))];
  const keysPerQueue = answering.length / queueNames.length;

  const direction = ({ online, target, state }: HostIo, from: HostView): Comparison => ({
    from,
    to: otherView(from),
    anchors: online.view(from).embedding,
    positives: onePositive(target.view(otherView(from)).embedding),
    negatives: [{ kind: 'shared', rows: queueRows(state, queueOf(otherView(from))) }],
    temperature: o.temperature,
    share: o.loss === 'mean' ? 1 / 2 : 1,
    objective: softmax,
  });

  return defineHost<Draws, State>({
    name: 'moco',
    options: recorded(o),
    networks,
    views: twoViews('moco'),
    info: (input) => {
      requireMultiple('moco', 'queueSize', o.queueSize, globalBatch(input) * keysPerQueue);
      const negativeRows = { global: o.queueSize };
      return infoOf(backbone, input, { dim, anchorViews: asking, negativeRows, momentumTarget: true });
    },
    init: (_info, rng: Rng) =>
      Object.assign({}, ...queueNames.map((name) => createQueue(name, o.queueSize, dim, rng))) as State,
    draw: (rng, step: StepInfo, info) => ({
      ...ema.draw(step),
      ...((o.shuffle || mustShuffle(info)) && drawShuffle(rng, info)),
    }),
    begin: ema.begin,
    shuffle: (draws) => shuffleOf(draws),
    terms: (io) => {
      checkDim('moco', io.online.view('view1').embedding, dim);
      for (const view of answering) io.target.view(view); // view 1 first, as official code moves running statistics
      return [{ name: 'global', weight: 1, comparisons: asking.map((view) => direction(io, view)) }];
    },
    observe: ({ online, target, draws }) => ({
      ...observeKeys(online.view('view1').embedding, target.view('view2').embedding),
      momentum: draws.momentum,
    }),
    commit: ({ target, state, workers }) => {
      for (const view of answering) push(state, queueOf(view), workers.gather(target.view(view).embedding));
    },
  });
}

function checkMoco(o: Resolved): OptionIssue[] {
  return [
    ...needsBackbone(o),
    ...oneOf(o, 'head', ['mlp', 'linear']),
    ...(o.hidden === undefined ? [] : integerAtLeast(1, { hidden: o.hidden }, 'hidden')),
    ...integerAtLeast(1, o, 'dim', 'queueSize'),
    ...positive(o, 'temperature'),
    ...oneOf(o, 'loss', ['asymmetric', 'mean', 'sum']),
    ...oneOf(o, 'queues', ['one', 'perView']),
    ...oneOf(o, 'emaPlacement', ['before', 'after']),
    ...(o.queues === 'perView' && o.loss === 'asymmetric'
      ? [
          {
            option: 'queues',
            problem: "is perView, but an asymmetric loss has keys of one view only; use loss: 'mean' or 'sum'",
          },
        ]
      : []),
  ];
}
