import {
  type Backbone,
  type Collective,
  type Comparison,
  globalBatch,
  type HostInfo,
  type HostIo,
  type HostTensor,
  hostInts,
  hostScalar,
  type JsonObject,
  type MomentumOptions,
  momentumSchedule,
  type Networks,
  ONE_WORKER,
  type OptionIssue,
  otherImages,
  type Rng,
  type Schedule,
  type Shuffle,
  SslError,
  type StepInfo,
  softmax,
  targetSpecs,
  updateEma,
  type ViewPlan,
  type ViewRecipe,
  type WorkersInfo,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** Views of every host, and the two directions between them. */
export const VIEWS = ['view1', 'view2'] as const;
export type HostView = (typeof VIEWS)[number];
export const otherView = (view: HostView): HostView => (view === 'view1' ? 'view2' : 'view1');

/** Two views, made by one recipe or by one each. @throws SslError `BAD_OPTION` for any other number of recipes. */
export const twoViews =
  (owner: string) =>
  (recipes: readonly ViewRecipe[]): ViewPlan => {
    const [view1, view2 = view1] = recipes;
    if (view1 === undefined || view2 === undefined || recipes.length > 2) {
      throw new SslError('BAD_OPTION', `[${owner}] there are ${recipes.length} recipes, but it makes two views.`, {
        hint: 'Give one recipe for both views, or one for each.',
      });
    }
    return { view1, view2 };
  };

/** What a host is told before the first step. */
export type HostInput = Pick<HostInfo, 'batch' | 'side'> & { readonly workers?: WorkersInfo };

/** What {@link HostInfo} says of any host over this backbone. @throws SslError `BAD_OPTION` if the side does not fit the backbone. */
export const infoOf = (
  backbone: Backbone,
  { batch, side, workers = ONE_WORKER }: HostInput,
  rest: Pick<HostInfo, 'dim' | 'anchorViews' | 'negativeRows' | 'momentumTarget'>,
): HostInfo => ({
  batch,
  workers,
  side,
  channels: backbone.channels,
  stride: backbone.stride,
  grid: backbone.grid(side),
  ...rest,
});

/** Options as they are recorded: the backbone has a record of its own, a head of your own is called `custom`. */
export function recorded(options: object): JsonObject {
  const isModule = (value: unknown) => typeof value === 'object' && value !== null && 'apply' in value;
  const entries = Object.entries(options).filter(([name, value]) => name !== 'backbone' && value !== undefined);
  return Object.freeze(Object.fromEntries(entries.map(([name, value]) => [name, isModule(value) ? 'custom' : value])));
}

/** The backbone has no default: this stands for it in the table of defaults. */
export const REQUIRED = undefined as unknown as never;

export function needsBackbone({ backbone }: { readonly backbone: Backbone }): OptionIssue[] {
  return typeof (backbone as Backbone | undefined)?.apply === 'function'
    ? []
    : [{ option: 'backbone', problem: 'is required: an encoder such as resnet18() of @contrastive/backbones' }];
}

/** @throws SslError `SHAPE_MISMATCH` if a head of the user's own gives rows of another size than `dim`. */
export function checkDim(owner: string, rows: tf.Tensor2D, dim: number): void {
  if (rows.shape[1] === dim) return;
  throw new SslError('SHAPE_MISMATCH', `[${owner}] the projector gives rows of ${rows.shape[1]}, but dim is ${dim}.`, {
    hint: `Set dim: ${rows.shape[1]}, or end your projector with ${dim} outputs.`,
  });
}

/** One positive row for each anchor. */
export const onePositive = (rows: tf.Tensor2D): Comparison['positives'] => ({
  kind: 'paired',
  rows: tf.expandDims(rows, 1) as tf.Tensor3D,
});

type NtXent = Pick<Comparison, 'temperature' | 'share'> & {
  readonly views: readonly HostView[];
  readonly workers: Collective;
};

/**
 * NT-Xent as two comparisons: rows of each side against the other side's, with all rows of all W workers, 2 W n, as negatives, of which
 * a mask hides the anchor itself and its partner (which is the positive). Gradient reaches the rows of other workers too.
 *
 * @param sides two rows per image of this worker, [n, d] each. @param options.views the views that they come from.
 */
export function ntXentDirections(
  sides: readonly [tf.Tensor2D, tf.Tensor2D],
  { temperature, share, views, workers }: NtXent,
): readonly Comparison[] {
  const others = otherImages(workers, sides[0].shape[0]);
  const rows = tf.concat(sides.map((side) => workers.gather(side))) as tf.Tensor2D;
  const mask = tf.concat([others, others], 1) as tf.Tensor2D;
  return views.map((from, i) => ({
    from,
    to: otherView(from),
    anchors: sides[i]!,
    positives: onePositive(sides[1 - i]!),
    negatives: [{ kind: 'shared', rows, mask }],
    temperature,
    share,
    objective: softmax,
  }));
}

/** Target embeddings of both views, view 1 first: the order in which official code moves running statistics. */
export const targetsOf = ({ target }: Pick<HostIo, 'target'>): Readonly<Record<HostView, tf.Tensor2D>> => ({
  view1: target.view('view1').embedding,
  view2: target.view('view2').embedding,
});

/** Both directions of a loss without negatives: the online embedding of a view against the target's of the other. */
export function pairDirections(
  io: Pick<HostIo, 'online' | 'target'>,
  { objective, share }: Pick<Comparison, 'objective' | 'share'>,
): readonly Comparison[] {
  const targets = targetsOf(io);
  return VIEWS.map((from) => ({
    from,
    to: otherView(from),
    anchors: io.online.view(from).embedding,
    positives: onePositive(targets[otherView(from)]),
    negatives: [],
    temperature: 1,
    share,
    objective,
  }));
}

/**
 * Mean over channels of their standard deviation over the batch (population), of unit rows [n, d]. Rows spread over the sphere give
 * 1/√d; 0 means that all images have one embedding: the collapse that hosts without negatives can fall into. Scalar.
 *
 * Source: Chen and He 2021, arXiv 2011.10566, section 4.1; spec "hosts" section 6.
 */
export function embeddingStd(rows: tf.Tensor2D): tf.Scalar {
  const { variance } = tf.moments(rows, 0);
  return tf.mean(tf.sqrt(variance)) as tf.Scalar;
}

/** Metrics of hosts with a queue: `std` of the queries, and `positive`, the mean of q·k. */
export const observeKeys = (queries: tf.Tensor2D, keys: tf.Tensor2D) => ({
  std: embeddingStd(queries),
  positive: tf.mean(tf.sum(tf.mul(queries, keys), 1)),
});

/** When official code moves the target: before the step's passes, or after its optimiser. */
export type EmaPlacement = 'before' | 'after';

/** Draws and the `begin` hook of a momentum target. */
export interface MomentumTarget {
  draw(step: StepInfo): { momentum: HostTensor<tf.Rank.R0> };
  begin(
    io: Pick<HostIo, 'targetWeights' | 'onlineWeights'> & { readonly draws: { readonly momentum: tf.Scalar } },
  ): void;
}

/**
 * The momentum update, always at the start of an optimiser step, before any pass. Placed `after` the optimiser of step t − 1 the same
 * weights result with the momentum of step t − 1, so that is what step t then uses (spec "hosts" section 1). The first update
 * changes nothing: both networks start equal.
 *
 * @throws SslError `BAD_OPTION`.
 */
export function momentumTarget(networks: Networks, options: MomentumOptions, placement: EmaPlacement): MomentumTarget {
  const schedule: Schedule = momentumSchedule(options);
  const specs = targetSpecs(networks);
  const lag = placement === 'after' ? 1 : 0;
  return {
    draw: (step) => ({ momentum: hostScalar(schedule({ ...step, step: Math.max(0, step.step - lag) })) }),
    begin: ({ targetWeights, onlineWeights, draws }) =>
      updateEma(specs, targetWeights, onlineWeights, draws.momentum, { buffers: options.buffers ?? false }),
  };
}

/**
 * Whether keys must be encoded in another order: where the statistics of batch norm are each worker's own, a key must not be encoded
 * beside its query.
 */
export const mustShuffle = ({ workers = ONE_WORKER }: Pick<HostInfo, 'workers'>): boolean =>
  workers.size > 1 && workers.batchNorm === 'local';

/** A random order of the images of all workers and its inverse. */
export function drawShuffle(rng: Rng, info: HostInfo) {
  const order = rng.permutation(globalBatch(info));
  const inverse = new Int32Array(order.length);
  for (const [place, image] of order.entries()) inverse[image] = place;
  return { order: hostInts(order), inverse: hostInts(inverse) };
}
export const shuffleOf = ({ order, inverse }: Record<string, tf.Tensor | undefined>): Shuffle | undefined =>
  order && inverse ? { order: order as tf.Tensor1D, inverse: inverse as tf.Tensor1D } : undefined;
