import * as tf from '@tensorflow/tfjs-core';
import type { Collective } from './collective.js';
import type { Networks, Shuffle } from './host.js';
import { unit } from './math.js';
import { type Module, type Pass, prefixed, type WeightSpecs, type Weights } from './module.js';
import type { Branch, Embedded, Encoded } from './plugin.js';
import type { ViewName } from './recipe.js';
import { stopGradient, withoutTape } from './stop-gradient.js';

/** Specs of the online network, by `backbone/…`, `projector/…`, `predictor/…`, `<extra>/…`. */
export function onlineSpecs(networks: Networks): WeightSpecs {
  const predictor = networks.predictor === undefined ? {} : prefixed('predictor', networks.predictor).specs;
  return { ...targetSpecs(networks), ...predictor };
}

/** Specs that a momentum target copies: all but the predictor's. */
export function targetSpecs({ backbone, projector, extra = {} }: Networks): WeightSpecs {
  const heads = Object.entries(extra).map(([name, head]) => prefixed(name, head).specs);
  return Object.assign({}, prefixed('backbone', backbone).specs, prefixed('projector', projector).specs, ...heads);
}

interface BranchOptions {
  readonly networks: Networks;
  readonly weights: Weights;
  readonly images: Readonly<Record<ViewName, tf.Tensor4D>>;
  /** How passes are run; `updateStats` is the default of extra passes. */
  readonly pass: Pass;
  /** Told of every tensor that must outlive the gradient tape. */
  readonly retain: <T extends tf.Tensor>(tensor: T) => T;
  /**
   * Runs a pass of the trained network on the step's tape. Views are encoded on first use: that may be where a target is computed
   * without tape, and the pass must get gradient all the same. Default: where it is called.
   */
  readonly onTape?: <T>(pass: () => T) => T;
}

/** Value computed on first read. */
function lazy<T>(compute: () => T): () => T {
  let value: { readonly it: T } | undefined;
  return () => {
    value ??= { it: compute() };
    return value.it;
  };
}

/** Projector, then predictor if there is one, run on first read. */
function heads(
  pooled: tf.Tensor2D,
  { networks, weights, retain }: BranchOptions,
  pass: Pass,
  predict: boolean,
  onTape: <T>(compute: () => T) => T = (compute) => compute(),
): Embedded {
  const run = (name: string, module: Module, x: tf.Tensor2D) => retain(prefixed(name, module).apply(weights, x, pass));
  const projection = lazy(() => onTape(() => run('projector', networks.projector, pooled)));
  const embedding = lazy(() => {
    const { predictor } = networks;
    const input = projection();
    return onTape(() => retain(unit(predict && predictor ? run('predictor', predictor, input) : input)));
  });
  return {
    get projection() {
      return projection();
    },
    get embedding() {
      return embedding();
    },
  };
}

function encoded(features: { map: tf.Tensor4D; pooled: tf.Tensor2D }, embedded: Embedded): Encoded {
  return {
    map: features.map,
    pooled: features.pooled,
    get projection() {
      return embedded.projection;
    },
    get embedding() {
      return embedded.embedding;
    },
  };
}

const byView = (images: BranchOptions['images'], name: ViewName): tf.Tensor4D => {
  const view = images[name];
  if (view === undefined) throw new Error(`view ${name} is not among ${Object.keys(images).join(', ')}`);
  return view;
};

/** The trained network: every view is on the gradient tape, every pass in training mode. */
export function onlineBranch(options: BranchOptions): Branch {
  const { networks, weights, images, retain, onTape = (run) => run() } = options;
  const backbone = prefixed('backbone', networks.backbone);
  const views = new Map<ViewName, Encoded>();
  const encode = (x: tf.Tensor4D, updateStats = true): Encoded => {
    const pass = { ...options.pass, updateStats };
    const { map, pooled } = backbone.apply(weights, x, pass);
    retain(map);
    const isTaped = tf.engine().state.gradientDepth > 0;
    const embedded = heads(pooled, options, pass, true, isTaped ? onTape : undefined);
    return encoded({ map, pooled: retain(pooled) }, embedded);
  };
  return {
    view: (name) => {
      const known = views.get(name) ?? onTape(() => encode(byView(images, name)));
      views.set(name, known);
      return known;
    },
    encode: (x, { updateStats = true } = {}) => encode(x, updateStats),
    project: (pooled) => heads(pooled, options, options.pass, true),
  };
}

/**
 * The momentum network: training-mode batch norm with statistics of its own, never on the tape. With `shuffle`, the batch is permuted
 * before the network and back afterwards (shuffle batch norm; it only matters where statistics are per split or device).
 */
export function momentumBranch(
  options: BranchOptions & { readonly workers: Collective },
  shuffle: (view: ViewName | undefined) => Shuffle | undefined,
): Branch {
  const { networks, weights, images, retain, workers } = options;
  const backbone = prefixed('backbone', networks.backbone);
  const views = new Map<ViewName, Encoded>();
  /**
   * Rows of all workers in another order, of which each takes its part: no worker encodes a key and its query. Of several batches one
   * after the other, each is permuted by itself.
   */
  const permuted = <T extends tf.Tensor>(x: T, order: tf.Tensor1D): T => {
    const own = workers.own(order);
    const batches = x.shape[0]! === own.shape[0] ? [x] : tf.split(x, x.shape[0]! / own.shape[0]);
    const moved = batches.map((rows) => tf.gather(workers.gather(rows), own));
    return (moved.length === 1 ? moved[0] : tf.concat(moved)) as T;
  };
  const quiet = (pooled: tf.Tensor2D, pass: Pass, undo?: tf.Tensor1D): Embedded => {
    const inner = heads(pooled, options, pass, false);
    const read = (key: keyof Embedded) =>
      lazy(() => withoutTape(() => retain(undo === undefined ? inner[key] : permuted(inner[key], undo))));
    const [projection, embedding] = [read('projection'), read('embedding')];
    return {
      get projection() {
        return projection();
      },
      get embedding() {
        return embedding();
      },
    };
  };
  const encode = (x: tf.Tensor4D, updateStats: boolean, order: Shuffle | undefined): Encoded =>
    withoutTape(() => {
      const pass = { ...options.pass, updateStats };
      const shuffled = order === undefined ? x : permuted(x, order.order);
      const { map, pooled } = backbone.apply(weights, shuffled, pass);
      retain(map);
      retain(pooled);
      const restore = <T extends tf.Tensor>(t: T): T => (order === undefined ? t : retain(permuted(t, order.inverse)));
      return encoded({ map: restore(map), pooled: restore(pooled) }, quiet(pooled, pass, order?.inverse));
    });
  return {
    view: (name) => {
      const known = views.get(name) ?? encode(byView(images, name), true, shuffle(name));
      views.set(name, known);
      return known;
    },
    encode: (x, { updateStats = true } = {}) => encode(x, updateStats, shuffle(undefined)),
    project: (pooled) => quiet(pooled, options.pass),
  };
}

/**
 * The online network with the gradient stopped, before the predictor (SimSiam, SimCLR): a view that the host encodes itself is not
 * encoded again.
 */
export function stoppedBranch(
  options: BranchOptions & { readonly workers: Collective },
  online: Branch,
  onlineViews: readonly ViewName[],
): Branch {
  const { retain } = options;
  const views = new Map<ViewName, Encoded>();
  const own = momentumBranch(options, () => undefined);
  const stopped = (source: Encoded): Encoded => {
    const projection = lazy(() => retain(stopGradient(source.projection)));
    const embedding = lazy(() => withoutTape(() => retain(unit(projection()))));
    return {
      map: retain(stopGradient(source.map)),
      pooled: retain(stopGradient(source.pooled)),
      get projection() {
        return projection();
      },
      get embedding() {
        return embedding();
      },
    };
  };
  return {
    view: (name) => {
      const known = views.get(name) ?? (onlineViews.includes(name) ? stopped(online.view(name)) : own.view(name));
      views.set(name, known);
      return known;
    },
    encode: own.encode,
    project: own.project,
  };
}
