import {
  type Backbone,
  type Comparison,
  defineHost,
  globalBatch,
  type Host,
  type HostTensors,
  integerAtLeast,
  type Module,
  oneOf,
  positive,
  resolveOptions,
  type State,
} from '@contrastive/core';
import { simclrProjector } from './heads.js';
import {
  checkDim,
  embeddingStd,
  infoOf,
  needsBackbone,
  ntXentDirections,
  REQUIRED,
  recorded,
  twoViews,
  VIEWS,
} from './shared.js';

export interface SimclrOptions {
  /** Encoder. Required. */
  backbone: Backbone;
  /**
   * Projector of two layers with ReLU between them: `lightly` without biases, batch norm after both (also the official code);
   * `solo` with biases, no batch norm; `wmse` with biases and batch norm after both. Default `lightly`.
   */
  head?: 'lightly' | 'solo' | 'wmse';
  /** Width of the hidden layer. Default 2048 (ImageNet); W-MSE's benchmarks 1024. */
  hidden?: number;
  /** d, size of an embedding. Default 128; solo-learn 256, 512 on ImageNet-100. */
  dim?: number;
  /** A projector of your own, [n, channels] → [n, dim], in place of `head`. */
  projector?: Module;
  /** τ > 0. Default 0.1 (ImageNet); solo-learn 0.2, lightly on CIFAR and W-MSE 0.5. */
  temperature?: number;
}

/** Defaults of Chen et al. 2020, arXiv 2002.05709; spec "hosts" section 5. */
export const SIMCLR_DEFAULTS = {
  backbone: REQUIRED as Backbone,
  head: 'lightly',
  hidden: 2048,
  dim: 128,
  projector: undefined as Module | undefined,
  temperature: 0.1,
} satisfies { [K in keyof Required<SimclrOptions>]: SimclrOptions[K] | undefined };

type Resolved = Readonly<Required<Omit<SimclrOptions, 'projector'>> & Pick<SimclrOptions, 'projector'>>;

/**
 * SimCLR: each of the 2n embeddings picks its other view among all 2n − 1 others (NT-Xent),
 *
 *   L = mean over 2n rows of [ logsumexp_{c ≠ self} z·z_c / τ − z·z_partner / τ ].
 *
 * Starts near ln(2n − 1). Gradient reaches both sides of every score. The views go through the encoder one after the other, each
 * with batch statistics of its own. Metric: `std` of view 1 ({@link embeddingStd}).
 *
 * @throws SslError `BAD_OPTION`.
 */
export function simclr(options: SimclrOptions): Host<HostTensors, State> {
  const o = resolveOptions<Resolved>('simclr', SIMCLR_DEFAULTS as Resolved, options, (given) => [
    ...needsBackbone(given),
    ...oneOf(given, 'head', ['lightly', 'solo', 'wmse']),
    ...integerAtLeast(1, given, 'hidden', 'dim'),
    ...positive(given, 'temperature'),
  ]);
  const { backbone, dim, temperature } = o;
  const projector = o.projector ?? simclrProjector(backbone.channels, o.head, o);
  return defineHost<HostTensors, State>({
    name: 'simclr',
    options: recorded(o),
    networks: { backbone, projector, target: 'online' },
    views: twoViews('simclr'),
    info: (input) =>
      infoOf(backbone, input, {
        ...{ dim, anchorViews: VIEWS, negativeRows: { global: 2 * globalBatch(input) } },
        momentumTarget: false,
      }),
    terms: ({ online, workers }) => {
      const rows = VIEWS.map((view) => online.view(view).embedding) as [Comparison['anchors'], Comparison['anchors']];
      checkDim('simclr', rows[0], dim);
      return [
        {
          name: 'global',
          weight: 1,
          comparisons: ntXentDirections(rows, { temperature, share: 1 / 2, views: VIEWS, workers }),
        },
      ];
    },
    observe: ({ online }) => ({ std: embeddingStd(online.view('view1').embedding) }),
  });
}
