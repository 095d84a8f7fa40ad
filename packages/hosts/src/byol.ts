import {
  type Backbone,
  cosine,
  defineHost,
  type Host,
  type HostTensor,
  integerAtLeast,
  type Module,
  type MomentumOptions,
  oneOf,
  resolveOptions,
  type State,
} from '@contrastive/core';
import type * as tf from '@tensorflow/tfjs-core';
import { byolHead } from './heads.js';
import {
  checkDim,
  type EmaPlacement,
  embeddingStd,
  infoOf,
  momentumTarget,
  needsBackbone,
  pairDirections,
  REQUIRED,
  recorded,
  twoViews,
  VIEWS,
} from './shared.js';

export interface ByolOptions {
  /** Encoder. Required. */
  backbone: Backbone;
  /** Width of the projector's hidden layer. Default 4096; lightly on CIFAR 1024. */
  hidden?: number;
  /** Width of the predictor's hidden layer. Default: as `hidden`; solo-learn on ImageNet-100 8192. */
  predictorHidden?: number;
  /** d, size of an embedding. Default 256. */
  dim?: number;
  /** Biases of the linear layers before batch norm. Default true (solo-learn); lightly false. */
  hiddenBias?: boolean;
  /** A projector of your own, [n, channels] → [n, dim]. */
  projector?: Module;
  /** A predictor of your own, [n, dim] → [n, dim]. */
  predictor?: Module;
  /**
   * Loss of the two directions: `distance` (2 − 2 cos) + (2 − 2 cos), in [0, 8]; `cosine` −2 cos − 2 cos, the same gradient (lightly
   * on ImageNet); `halfCosine` ½(−cos − cos), a quarter of it (lightly on CIFAR). Default `distance`.
   */
  loss?: 'distance' | 'cosine' | 'halfCosine';
  /** EMA momentum of the target. Default cosine 0.99 → 1 (up to 300 epochs; 1000 epochs from 0.996; lightly on CIFAR constant 0.99). */
  momentum?: MomentumOptions;
  /** Whether the EMA moves before the step's passes (lightly) or after its optimiser (solo-learn, W-MSE's code). Default `after`. */
  emaPlacement?: EmaPlacement;
}

/** Defaults of Grill et al. 2020, arXiv 2006.07733; spec "hosts" section 7. */
export const BYOL_DEFAULTS = {
  backbone: REQUIRED as Backbone,
  hidden: 4096,
  predictorHidden: undefined as number | undefined,
  dim: 256,
  hiddenBias: true,
  projector: undefined as Module | undefined,
  predictor: undefined as Module | undefined,
  loss: 'distance',
  momentum: { base: 0.99, final: 1, kind: 'cosine' } as MomentumOptions,
  emaPlacement: 'after',
} satisfies { [K in keyof Required<ByolOptions>]: ByolOptions[K] | undefined };

type Optional = 'predictorHidden' | 'projector' | 'predictor';
type Resolved = Readonly<Required<Omit<ByolOptions, Optional>> & Pick<ByolOptions, Optional>>;
type Draws = { momentum: HostTensor<tf.Rank.R0> };

const LOSSES = {
  distance: { objective: cosine(2, -2), share: 1 },
  cosine: { objective: cosine(0, -2), share: 1 },
  halfCosine: { objective: cosine(0, -1), share: 1 / 2 },
} as const;

/**
 * BYOL: the prediction of each view against the other's projection by a momentum copy of encoder and projector; no negatives.
 *
 *   L = [2 − 2 mean cos(p₁, z′₂)] + [2 − 2 mean cos(p₂, z′₁)].
 *
 * Gradient reaches the prediction side only. Metric: `std` of the target's projection z′₁ ({@link embeddingStd}); 0 = collapsed.
 *
 * @throws SslError `BAD_OPTION`.
 */
export function byol(options: ByolOptions): Host<Draws, State> {
  const o = resolveOptions<Resolved>('byol', BYOL_DEFAULTS as Resolved, options, (given) => [
    ...needsBackbone(given),
    ...integerAtLeast(1, given, 'hidden', 'dim'),
    ...(given.predictorHidden === undefined
      ? []
      : integerAtLeast(1, { predictorHidden: given.predictorHidden }, 'predictorHidden')),
    ...oneOf(given, 'loss', ['distance', 'cosine', 'halfCosine']),
    ...oneOf(given, 'emaPlacement', ['before', 'after']),
  ]);
  const { backbone, dim, hidden, predictorHidden = hidden } = o;
  const networks = {
    backbone,
    projector: o.projector ?? byolHead(backbone.channels, { hidden, dim }, o.hiddenBias),
    predictor: o.predictor ?? byolHead(dim, { hidden: predictorHidden, dim }, o.hiddenBias),
    target: 'momentum',
  } as const;
  const ema = momentumTarget(networks, o.momentum, o.emaPlacement);
  return defineHost<Draws, State>({
    name: 'byol',
    options: recorded(o),
    networks,
    views: twoViews('byol'),
    info: (input) =>
      infoOf(backbone, input, { dim, anchorViews: VIEWS, negativeRows: { global: 0 }, momentumTarget: true }),
    draw: (_rng, step) => ema.draw(step),
    begin: ema.begin,
    terms: (io) => {
      checkDim('byol', io.target.view('view1').embedding, dim);
      return [{ name: 'global', weight: 1, comparisons: pairDirections(io, LOSSES[o.loss]) }];
    },
    observe: ({ target, draws }) => ({ std: embeddingStd(target.view('view1').embedding), momentum: draws.momentum }),
  });
}
