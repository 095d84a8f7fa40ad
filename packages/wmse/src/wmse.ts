import {
  type Collective,
  definePlugin,
  type HostInfo,
  type HostTensors,
  type OnDevice,
  type Plugin,
  type State,
  type Tensors,
  type ViewPlan,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { type ResolvedWmseOptions, resolveWmse, type WmseOptions } from './options.js';
import { pairTerm, viewName } from './pairs.js';
import { callOrder, moveRunning } from './running.js';
import { checkSlices, cutSlices, drawSlices, joinSlices, type Slicing, sliceSizeOf } from './slices.js';
import { whiten } from './whitening/whiten.js';

/**
 * W-MSE (whitening for self-supervised learning, arXiv 2007.06346): replaces the host's loss by the distance of the whitened
 * embeddings of d views. Each view has its own encoder pass; the projector runs once on all views together, so that its batch norm
 * is joint (official code). Both members of a pair get gradient, through mean and covariance too.
 *
 * Loss term `wmse`, in [0, 4]: 0 for equal views, about 2 for unrelated ones. Metrics: `condition` (largest condition number of a
 * slice's covariance; above 1e6 precision is being lost), `eps` (largest shrinkage used, with `eps: 'auto'`).
 * State, with `runningStats`: `mean` [k], `covariance` [k, k].
 *
 * The projector is the host's: give it {@link wmseHead} for the paper's. Hosts' own terms do not count, but their passes still run.
 *
 * @throws SslError `BAD_OPTION`; `INCOMPATIBLE` if slices do not fit batch and embedding.
 * @example new Trainer({ host: simclr({ backbone, projector: wmseHead(backbone.channels), dim: 64 }), plugins: [wmse()], batch: 256, … })
 */
export function wmse(options: WmseOptions = {}): Plugin<HostTensors, Tensors, State> {
  const o = resolveWmse(options);
  return definePlugin<HostTensors, Tensors, State>({
    name: 'wmse',
    options: { ...o },
    replacesHostLoss: true,
    views: (plan) => withViews(plan, o.views),
    init: (host) => {
      checkSlices(o, host);
      return o.runningStats ? createStats(host) : {};
    },
    outline: (terms) => ({ ...terms, wmse: { positives: 'one' } }),
    draw: (rng, _step, host) => drawSlices(rng, o, host),
    encode: ({ online, draws, workers }) => {
      const views = Array.from({ length: o.views }, (_, i) => online.view(viewName(i)).pooled);
      const rows = online.project(tf.concat(views)).projection;
      return whitenViews(o.sliceScope === 'global' ? gatherViews(rows, o.views, workers) : rows, draws, o);
    },
    edit: (terms, { features }) => [...terms, pairTerm(features.whitened as tf.Tensor3D, o)],
    observe: (_scored, { features: { condition, epsilon } }) => ({
      ...(condition === undefined ? {} : { condition: tf.max(condition) }),
      ...(epsilon === undefined || o.eps !== 'auto' ? {} : { eps: tf.max(epsilon) }),
    }),
    commit: ({ state, features, workers }) => {
      if (!o.runningStats) return;
      const slices = features.mean!.shape[0]!;
      const calls = o.statistics === 'joint' ? undefined : callOrder(o.views, slices / o.views);
      const [mean, covariance] = workers.reduceMean([features.mean!, features.covariance!]);
      moveRunning(state.mean!, mean!, { calls });
      moveRunning(state.covariance!, covariance!, { calls });
    },
  });
}

/** Adds `view3` … `view<d>` with the recipe of `view1`. */
function withViews(plan: ViewPlan, views: number): ViewPlan {
  const recipe = plan[viewName(0)]!;
  const added = Array.from({ length: views }, (_, i) => viewName(i)).filter((name) => !(name in plan));
  return { ...plan, ...Object.fromEntries(added.map((name) => [name, recipe])) };
}

/** tidy frees the initial values, of which variables are copies. */
const createStats = ({ dim }: HostInfo): State =>
  tf.tidy(() => ({
    mean: tf.variable(tf.zeros([dim]), false),
    covariance: tf.variable(tf.eye(dim), false),
  }));

/** Rows of all workers, view after view: [d · n, k] → [d · W n, k]. */
function gatherViews(rows: tf.Tensor2D, views: number, workers: Collective): tf.Tensor2D {
  if (workers.size === 1) return rows;
  const k = rows.shape[1];
  const byImage = tf.transpose(tf.reshape(rows, [views, -1, k]), [1, 0, 2]);
  return tf.reshape(tf.transpose(workers.gather(byImage), [1, 0, 2]), [-1, k]);
}

/** `whitened` [d, t · n, k], and what was found about the slices. */
function whitenViews(rows: tf.Tensor2D, draws: OnDevice<HostTensors>, o: ResolvedWmseOptions): Tensors {
  const k = rows.shape[1];
  const slicing: Slicing = { ...o, sliceSize: sliceSizeOf(o, k) };
  const slices = cutSlices(rows, draws.order as tf.Tensor2D, slicing, draws.channels as tf.Tensor1D | undefined);
  const { rows: whitened, ...found } = whiten(slices, { ...o, method: o.whitening });
  const constants = Object.entries(found).filter(([, t]) => t !== undefined) as [string, tf.Tensor][];
  return { whitened: joinSlices(whitened, k, slicing), ...Object.fromEntries(constants) };
}
