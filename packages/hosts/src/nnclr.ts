import {
  type Backbone,
  type Comparison,
  createIntRing,
  defineHost,
  globalBatch,
  type Host,
  type HostIo,
  type HostTensors,
  integerAtLeast,
  type Module,
  oneOf,
  otherImages,
  positive,
  requireMultiple,
  resolveOptions,
  type State,
  softmax,
  unit,
  withoutTape,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { nnclrPredictor, nnclrProjector } from './heads.js';
import { asState, createQueue, push, queueRows } from './queue.js';
import {
  checkDim,
  embeddingStd,
  type HostView,
  infoOf,
  needsBackbone,
  ntXentDirections,
  onePositive,
  otherView,
  REQUIRED,
  recorded,
  twoViews,
  VIEWS,
} from './shared.js';

export interface NnclrOptions {
  /** Encoder. Required. */
  backbone: Backbone;
  /** Width of the projector's hidden layers. Default 2048. */
  hidden?: number;
  /** Width of the predictor's hidden layer. Default 4096. */
  predictorHidden?: number;
  /** d, size of an embedding. Default 256. */
  dim?: number;
  /** A projector of your own, [n, channels] → [n, dim]. */
  projector?: Module;
  /** A predictor of your own, [n, dim] → [n, dim]. */
  predictor?: Module;
  /** τ > 0. Default 0.1 (paper); solo-learn 0.2, lightly on CIFAR 0.5. */
  temperature?: number;
  /**
   * K, rows of the support set: a multiple of the batch with `rows`; with `ntXent` rows that do not fit before the end are dropped
   * (lightly). Default 98304 (paper); solo-learn 65536, on CIFAR at most 4096.
   */
  supportSize?: number;
  /**
   * `rows`: a neighbour picks its prediction among the batch's predictions; view 1 is stored, as unit rows (paper, solo-learn).
   * `ntXent`: neighbours and predictions are contrasted among themselves too; view 2 is stored, raw (lightly). Default `rows`.
   */
  contrast?: 'rows' | 'ntXent';
}

/** Defaults of Dwibedi et al. 2021, arXiv 2104.14548; spec "hosts" section 9. */
export const NNCLR_DEFAULTS = {
  backbone: REQUIRED as Backbone,
  hidden: 2048,
  predictorHidden: 4096,
  dim: 256,
  projector: undefined as Module | undefined,
  predictor: undefined as Module | undefined,
  temperature: 0.1,
  supportSize: 98304,
  contrast: 'rows',
} satisfies { [K in keyof Required<NnclrOptions>]: NnclrOptions[K] | undefined };

type Heads = 'projector' | 'predictor';
type Resolved = Readonly<Required<Omit<NnclrOptions, Heads>> & Pick<NnclrOptions, Heads>>;

/** Index in the support set of the row with the largest cosine to each projection, int32 [n]. Constant. */
export const nearestRows = (projections: tf.Tensor2D, support: tf.Tensor2D): tf.Tensor1D =>
  withoutTape(() => tf.argMax(tf.matMul(unit(projections), unit(support), false, true), 1) as tf.Tensor1D);

/**
 * NNCLR: the nearest neighbour of each view's projection in a support set of earlier ones, NN(z), stands for that view and is matched
 * with the prediction p of the other,
 *
 *   L = ½ [ CE(NN(z₁)·p₂ᵀ / τ) + CE(NN(z₂)·p₁ᵀ / τ) ],  the right answer of row i being column i.
 *
 * Starts near ln n (`rows`) or ln(2n − 1) (`ntXent`). Gradient reaches predictions only. Neighbours are looked up before this
 * step's rows are stored; until the set has been filled, supportSize / n steps, they are random. Metrics: `std` of z₁
 * ({@link embeddingStd}), `purity`, the share of neighbours of z₁ of the image's own class among those of known class.
 *
 * @throws SslError `BAD_OPTION`.
 */
export function nnclr(options: NnclrOptions): Host<HostTensors, State> {
  const o = resolveOptions<Resolved>('nnclr', NNCLR_DEFAULTS as Resolved, options, (given) => [
    ...needsBackbone(given),
    ...integerAtLeast(1, given, 'hidden', 'predictorHidden', 'dim', 'supportSize'),
    ...positive(given, 'temperature'),
    ...oneOf(given, 'contrast', ['rows', 'ntXent']),
  ]);
  const { backbone, dim, temperature } = o;
  const isNtXent = o.contrast === 'ntXent';
  const support = (state: State) => queueRows(state, 'support');
  const neighbours = ({ target, state }: HostIo, view: HostView): tf.Tensor2D =>
    withoutTape(() => {
      const found = nearestRows(target.view(view).projection, support(state));
      return unit(tf.gather(support(state), found));
    });

  const direction = (io: HostIo, from: HostView): readonly Comparison[] => {
    const { workers } = io;
    const found = neighbours(io, from);
    const predictions = io.online.view(otherView(from)).embedding;
    if (isNtXent) {
      return ntXentDirections([found, predictions], {
        temperature,
        share: 1 / 4,
        views: [from, otherView(from)],
        workers,
      });
    }
    const mask = otherImages(workers, predictions.shape[0]);
    return [
      {
        from,
        to: otherView(from),
        anchors: found,
        positives: onePositive(predictions),
        negatives: [{ kind: 'shared', rows: workers.gather(predictions), mask }],
        temperature,
        share: 1 / 2,
        objective: softmax,
      },
    ];
  };

  return defineHost<HostTensors, State>({
    name: 'nnclr',
    options: recorded(o),
    networks: {
      backbone,
      projector: o.projector ?? nnclrProjector(backbone.channels, o),
      predictor: o.predictor ?? nnclrPredictor({ hidden: o.predictorHidden, dim }),
      target: 'online',
    },
    views: twoViews('nnclr'),
    info: (input) => {
      const images = globalBatch(input);
      if (!isNtXent) requireMultiple('nnclr', 'supportSize', o.supportSize, images);
      const negativeRows = { global: isNtXent ? 2 * images : images };
      return infoOf(backbone, input, { dim, anchorViews: VIEWS, negativeRows, momentumTarget: false });
    },
    init: (_info, rng) => ({
      ...createQueue('support', o.supportSize, dim, rng),
      ...asState('labels', createIntRing({ rows: o.supportSize })),
    }),
    terms: (io) => {
      checkDim('nnclr', io.target.view('view1').projection, dim);
      return [{ name: 'global', weight: 1, comparisons: VIEWS.flatMap((view) => direction(io, view)) }];
    },
    observe: ({ target, state, labels }) => {
      const { projection, embedding } = target.view('view1');
      const found = tf.gather(state.labels as unknown as tf.Tensor1D, nearestRows(projection, support(state)));
      return { std: embeddingStd(embedding), purity: purityOf(labels, found) };
    },
    commit: ({ target, state, labels, workers }) => {
      const overflow = isNtXent ? 'drop' : 'forbid';
      const rows = isNtXent ? target.view('view2').projection : target.view('view1').embedding;
      push(state, 'support', workers.gather(rows), overflow);
      push(state, 'labels', workers.gather(labels), overflow);
    },
  });
}

/** Share of equal classes among pairs that are both known (≥ 0); 0 if none is. Scalar. */
function purityOf(labels: tf.Tensor1D, found: tf.Tensor1D): tf.Scalar {
  const zero = tf.scalar(0, 'int32');
  const isKnown = tf.logicalAnd(tf.greaterEqual(labels, zero), tf.greaterEqual(found, zero));
  const isRight = tf.logicalAnd(isKnown, tf.equal(labels, found));
  const count = (flags: tf.Tensor) => tf.sum(tf.cast(flags, 'float32'));
  return tf.div(count(isRight), tf.maximum(count(isKnown), 1)) as tf.Scalar;
}
