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
  oneOf,
  otherImages,
  positive,
  resolveOptions,
  type State,
  softmax,
} from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';
import { mocoV3Predictor, mocoV3Projector } from './heads.js';
import {
  checkDim,
  type EmaPlacement,
  infoOf,
  momentumTarget,
  needsBackbone,
  observeKeys,
  onePositive,
  otherView,
  REQUIRED,
  recorded,
  targetsOf,
  twoViews,
  VIEWS,
} from './shared.js';

export interface MocoV3Options {
  /** Encoder. Required. The official ViT freezes its patch projection: an option of the backbone. */
  backbone: Backbone;
  /** `resnet`: projector of 2 layers, plain end of the predictor. `vit`: 3 layers, batch norm at the end. Default `resnet`. */
  heads?: 'resnet' | 'vit';
  /** Width of all hidden layers. Default 4096. */
  hidden?: number;
  /** d, size of an embedding. Default 256. */
  dim?: number;
  /** A projector of your own, [n, channels] → [n, dim]. */
  projector?: Module;
  /** A predictor of your own, [n, dim] → [n, dim]. */
  predictor?: Module;
  /** τ > 0. Default 0.2 (ViT; ResNet-50 1.0). */
  temperature?: number;
  /** EMA momentum of the key encoder. Default cosine 0.99 → 1 (1000 epochs: from 0.996). */
  momentum?: MomentumOptions;
  /** Whether the EMA moves before the step's passes or after its optimiser. Default `before` (official code); solo-learn `after`. */
  emaPlacement?: EmaPlacement;
}

/** Defaults of Chen et al. 2021, arXiv 2104.02057; spec "hosts" section 4. */
export const MOCO_V3_DEFAULTS = {
  backbone: REQUIRED as Backbone,
  heads: 'resnet',
  hidden: 4096,
  dim: 256,
  projector: undefined as Module | undefined,
  predictor: undefined as Module | undefined,
  temperature: 0.2,
  momentum: { base: 0.99, final: 1, kind: 'cosine' } as MomentumOptions,
  emaPlacement: 'before',
} satisfies { [K in keyof Required<MocoV3Options>]: MocoV3Options[K] | undefined };

type Heads = 'projector' | 'predictor';
type Resolved = Readonly<Required<Omit<MocoV3Options, Heads>> & Pick<MocoV3Options, Heads>>;
type Draws = { momentum: HostTensor<tf.Rank.R0> };

/**
 * MoCo v3: predictions of each view are matched with the momentum encoder's keys of the other, the batch's other keys being the
 * negatives; no queue.
 *
 *   ctr(q, k) = 2τ · mean_i [ logsumexp_j (q_i·k_j / τ) − q_i·k_i / τ ],  L = ctr(q₁, k₂) + ctr(q₂, k₁).
 *
 * Starts near 4τ ln n. Gradient reaches queries only. Metrics: `std` of the queries ({@link embeddingStd}), `positive` mean of q₁·k₂, `momentum`.
 *
 * @throws SslError `BAD_OPTION`.
 */
export function mocoV3(options: MocoV3Options): Host<Draws, State> {
  const o = resolveOptions<Resolved>('mocoV3', MOCO_V3_DEFAULTS as Resolved, options, (given) => [
    ...needsBackbone(given),
    ...oneOf(given, 'heads', ['resnet', 'vit']),
    ...integerAtLeast(1, given, 'hidden', 'dim'),
    ...positive(given, 'temperature'),
    ...oneOf(given, 'emaPlacement', ['before', 'after']),
  ]);
  const { backbone, dim } = o;
  const isVit = o.heads === 'vit';
  const networks = {
    backbone,
    projector: o.projector ?? mocoV3Projector(backbone.channels, isVit ? 3 : 2, o),
    predictor: o.predictor ?? mocoV3Predictor(o, isVit),
    target: 'momentum',
  } as const;
  const ema = momentumTarget(networks, o.momentum, o.emaPlacement);

  const directions = (io: HostIo): readonly Comparison[] => {
    const targets = targetsOf(io);
    const mask = otherImages(io.workers, targets.view1.shape[0]);
    return VIEWS.map((from) => ({
      from,
      to: otherView(from),
      anchors: io.online.view(from).embedding,
      positives: onePositive(targets[otherView(from)]),
      negatives: [{ kind: 'shared', rows: io.workers.gather(targets[otherView(from)]), mask }],
      temperature: o.temperature,
      share: 2 * o.temperature,
      objective: softmax,
    }));
  };

  return defineHost<Draws, State>({
    name: 'mocoV3',
    options: recorded(o),
    networks,
    views: twoViews('mocoV3'),
    info: (input) =>
      infoOf(backbone, input, {
        ...{ dim, anchorViews: VIEWS, negativeRows: { global: globalBatch(input) } },
        momentumTarget: true,
      }),
    draw: (_rng, step) => ema.draw(step),
    begin: ema.begin,
    terms: (io) => {
      checkDim('mocoV3', io.online.view('view1').embedding, dim);
      return [{ name: 'global', weight: 1, comparisons: directions(io) }];
    },
    observe: ({ online, target, draws }) => ({
      ...observeKeys(online.view('view1').embedding, target.view('view2').embedding),
      momentum: draws.momentum,
    }),
  });
}
