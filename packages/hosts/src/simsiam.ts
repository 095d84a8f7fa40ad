import {
  type Backbone,
  cosine,
  defineHost,
  type Host,
  type HostTensors,
  integerAtLeast,
  type Module,
  oneOf,
  resolveOptions,
  type State,
} from '@contrastive/core';
import { simsiamPredictor, simsiamProjector } from './heads.js';
import {
  checkDim,
  embeddingStd,
  infoOf,
  needsBackbone,
  pairDirections,
  REQUIRED,
  recorded,
  twoViews,
  VIEWS,
} from './shared.js';

export interface SimsiamOptions {
  /** Encoder. Required. The official one starts with γ = 0 in the last batch norm of each block: an option of the backbone. */
  backbone: Backbone;
  /** Layers of the projector. Default 3; 2 on CIFAR (paper, lightly). */
  layers?: 2 | 3;
  /** Width of the projector's hidden layers. Default: the backbone's channels; lightly and solo-learn on CIFAR 2048. */
  hidden?: number;
  /** d, size of an embedding. Default 2048. */
  dim?: number;
  /** Width of the predictor's hidden layer. Default 512. */
  predictorHidden?: number;
  /**
   * The projector's last batch norm: `plain` has no scale and shift, and the bias before it is never trained; `affine` has them
   * (lightly on CIFAR). Default `plain`.
   */
  lastNorm?: 'plain' | 'affine';
  /** The predictor keeps the base learning rate while the others are scheduled. Default true. */
  fixPredictorRate?: boolean;
  /** A projector of your own, [n, channels] → [n, dim]. */
  projector?: Module;
  /** A predictor of your own, [n, dim] → [n, dim]. */
  predictor?: Module;
}

/** Defaults of Chen and He 2021, arXiv 2011.10566; spec "hosts" section 6. */
export const SIMSIAM_DEFAULTS = {
  backbone: REQUIRED as Backbone,
  layers: 3,
  hidden: undefined as number | undefined,
  dim: 2048,
  predictorHidden: 512,
  lastNorm: 'plain',
  fixPredictorRate: true,
  projector: undefined as Module | undefined,
  predictor: undefined as Module | undefined,
} satisfies { [K in keyof Required<SimsiamOptions>]: SimsiamOptions[K] | undefined };

type Optional = 'hidden' | 'projector' | 'predictor';
type Resolved = Readonly<Required<Omit<SimsiamOptions, Optional>> & Pick<SimsiamOptions, Optional>>;

/**
 * SimSiam: the prediction of each view against the other's projection, whose gradient is stopped; no negatives, no second network.
 *
 *   L = −½ [ mean cos(p₁, sg z₂) + mean cos(p₂, sg z₁) ],  in [−1, 1].
 *
 * Gradient reaches the prediction side only. Metric: `std` of the projection z₁ ({@link embeddingStd}), which nears 1/√d in a healthy
 * run and 0 in a collapsed one.
 *
 * @throws SslError `BAD_OPTION`.
 */
export function simsiam(options: SimsiamOptions): Host<HostTensors, State> {
  const o = resolveOptions<Resolved>('simsiam', SIMSIAM_DEFAULTS as Resolved, options, (given) => [
    ...needsBackbone(given),
    ...oneOf(given, 'layers', [2, 3]),
    ...(given.hidden === undefined ? [] : integerAtLeast(1, { hidden: given.hidden }, 'hidden')),
    ...integerAtLeast(1, given, 'dim', 'predictorHidden'),
    ...oneOf(given, 'lastNorm', ['plain', 'affine']),
  ]);
  const { backbone, dim, layers, hidden = backbone.channels } = o;
  const affine = o.lastNorm === 'affine';
  return defineHost<HostTensors, State>({
    name: 'simsiam',
    options: recorded(o),
    networks: {
      backbone,
      projector: o.projector ?? simsiamProjector(backbone.channels, { layers, hidden, dim, affine }),
      predictor: o.predictor ?? simsiamPredictor({ hidden: o.predictorHidden, dim }, o.fixPredictorRate),
      target: 'online',
    },
    views: twoViews('simsiam'),
    info: (input) =>
      infoOf(backbone, input, { dim, anchorViews: VIEWS, negativeRows: { global: 0 }, momentumTarget: false }),
    terms: (io) => {
      checkDim('simsiam', io.target.view('view1').embedding, dim);
      return [
        { name: 'global', weight: 1, comparisons: pairDirections(io, { objective: cosine(0, -1), share: 1 / 2 }) },
      ];
    },
    observe: ({ target }) => ({ std: embeddingStd(target.view('view1').embedding) }),
  });
}
