import {
  type Collective,
  type Comparison,
  definePlugin,
  globalBatch,
  type HostInfo,
  type HostTensors,
  type OnDevice,
  onlineComparisons,
  otherImages,
  outlineOf,
  type PairedBlock,
  type Plugin,
  type ScoredTerm,
  type SharedBlock,
  SslError,
  type State,
  type StepInfo,
  type StepIo,
  type Tensors,
  type Term,
  termOf,
  unit,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { bankIn, createBank, nearestKeys, storeKeys } from './bank.js';
import { softPositives } from './objective.js';
import { type ResolvedSnclrOptions, resolveSnclr, type SnclrOptions } from './options.js';
import { createMaps, neighbourWeights } from './positiveness.js';
import { distinctShare, entropyOf, purityOf } from './statistics.js';

type Io = StepIo & { readonly draws: OnDevice<HostTensors>; readonly features: Tensors };

/**
 * SNCLR: the nearest neighbours of an image's key in a bank of older keys are positives too, each as much as it resembles the image's
 * projection; the neighbours of other images join the negatives.
 *
 * Widens the host's positives from 1 to 1 + K columns. With K = 0 the host is unchanged; where the objective has no negatives the neighbours
 * become weighted positives. The bank keeps raw keys and is written after the optimiser. Gradient reaches anchors and, through
 * the weights, projections; keys, neighbours and bank are constants.
 *
 * @throws SslError `BAD_OPTION`; from hooks `INCOMPATIBLE` if the host's comparisons cannot be widened.
 * @example snclr({ neighbours: 10, bankSize: 8192, excludeSelf: true }) // for CIFAR
 * Source: Ge et al. 2023, arXiv 2303.17142; spec "snclr".
 */
export function snclr(options: SnclrOptions = {}): Plugin<HostTensors, Tensors, State> {
  const o = resolveSnclr(options);
  const count = o.weighting === 'nearest' ? Math.min(1, o.neighbours) : o.neighbours;
  return definePlugin<HostTensors, Tensors, State>({
    name: 'snclr',
    options: { ...o },
    init: (host, rng) => {
      checkHost(o, host);
      if (count === 0) return {};
      const bank = createBank({ rows: o.bankSize, dim: host.dim, rng });
      return o.positiveness === 'learned' ? { ...bank, ...createMaps(host.dim) } : bank;
    },
    outline: (terms) => {
      if (count === 0) return terms;
      outlineOf('snclr', terms, o.term);
      return { ...terms, [o.term]: { positives: 'several' } };
    },
    phase: (step, host) => (count === 0 ? 'off' : isFilling(o, step, host) ? 'filling' : 'on'),
    encode: (io) => (io.phase === 'off' ? {} : encode(o, count, io)),
    edit: (terms, io) => {
      const kept = o.symmetric ? terms : onlyFirst(terms, o.term);
      return io.phase === 'on' ? widenTerm(o, kept, io) : kept;
    },
    observe: (scored, io) => (io.phase === 'on' ? observe(o, scored, io) : {}),
    commit: ({ phase, features, state, ids, labels, workers }) => {
      if (phase === 'off') return;
      const views = storedViews(o);
      const keys = tf.concat(views.map((view) => workers.gather(features[`keys/${view}`] as tf.Tensor2D)));
      const repeat = (t: tf.Tensor1D) => tf.tile(workers.gather(t), [views.length]);
      storeKeys(bankIn(state), keys, repeat(ids), repeat(labels));
    },
  });
}

function checkHost(o: ResolvedSnclrOptions, host: HostInfo): void {
  if (o.lossForm === 'inLog' && (host.negativeRows[o.term] ?? 0) === 0) {
    throw new SslError(
      'INCOMPATIBLE',
      `[snclr] lossForm inLog needs negatives, but term ${o.term} of this host has none.`,
      {
        hint: "Use lossForm: 'code' here: neighbours then are weighted positives.",
      },
    );
  }
}

/** Whether the host still trains alone. */
function isFilling(o: ResolvedSnclrOptions, { step, epoch }: StepInfo, host: HostInfo): boolean {
  if (o.bankWarmup === 'off') return false;
  const rows = globalBatch(host) * storedViews(o).length;
  return o.bankWarmup === 'full' ? step < Math.ceil(o.bankSize / rows) : epoch <= o.bankWarmup;
}

const storedViews = (o: ResolvedSnclrOptions): readonly string[] =>
  o.enqueue === 'both' ? ['view1', 'view2'] : [o.enqueue];

const onlyFirst = (terms: readonly Term[], name: string): readonly Term[] => {
  termOf('snclr', terms, name);
  return terms.map((t) => (t.name === name ? { ...t, comparisons: t.comparisons.slice(0, 1) } : t));
};

/** Directions that get soft positives, as the host states them. */
function directions(o: ResolvedSnclrOptions, { hostTerms, online }: StepIo) {
  const { comparisons } = termOf('snclr', hostTerms, o.term);
  return onlineComparisons('snclr', o.symmetric ? comparisons : comparisons.slice(0, 1), online);
}

/** Raw keys that will be stored, `keys/<view>`; neighbours of each anchor view's partner: `places/<view>`, `rows/<view>`. */
function encode(o: ResolvedSnclrOptions, count: number, io: StepIo): Tensors {
  const features: Record<string, tf.Tensor> = {};
  for (const view of storedViews(o)) features[`keys/${view}`] = io.target.view(view).projection;
  if (io.phase !== 'on') return features;
  const bank = bankIn(io.state);
  for (const { comparison } of directions(o, io)) {
    const { from, to } = comparison;
    const query = o.query === 'key' ? io.target.view(to).projection : io.online.view(from).projection;
    const found = nearestKeys(bank, query, { count, exclude: o.excludeSelf ? io.ids : undefined });
    features[`places/${from}`] = found.places;
    features[`rows/${from}`] = found.rows;
  }
  return features;
}

function widenTerm(o: ResolvedSnclrOptions, terms: readonly Term[], io: Io): readonly Term[] {
  const term = termOf('snclr', terms, o.term);
  const host = termOf('snclr', io.hostTerms, o.term).comparisons;
  const comparisons = [...term.comparisons];
  for (const { comparison, index } of directions(o, io)) {
    const given = term.comparisons[index];
    const isEdited = given !== host[index];
    // A comparison that was turned round is only known as the host stated it.
    if (given === undefined || (isEdited && comparison !== host[index])) {
      throw new SslError(
        'INCOMPATIBLE',
        `[snclr] term ${o.term} was changed so that its comparisons are not the host's.`,
        {
          hint: 'List snclr before the plug-in that changes it.',
        },
      );
    }
    comparisons[index] = widen(o, isEdited ? given : comparison, io);
  }
  return terms.map((t) => (t === term ? { ...t, comparisons } : t));
}

/** One direction with its K soft positives, and the other images' neighbours among the negatives. */
function widen(o: ResolvedSnclrOptions, c: Comparison, { online, features, state, workers }: Io): Comparison {
  const { positives } = c;
  if (positives.kind !== 'paired') {
    throw new SslError('INCOMPATIBLE', `[snclr] the positives of ${c.from} → ${c.to} are shared by all anchors.`, {
      hint: 'SNCLR adds to positives of each anchor’s own; list it before the plug-in that shares them.',
    });
  }
  const raw = features[`rows/${c.from}`] as tf.Tensor3D;
  const places = features[`places/${c.from}`] as tf.Tensor2D;
  const [n, count, d] = raw.shape;
  const rows = unit(raw);
  const soft = neighbourWeights(o, online.view(c.from).projection, raw, state);
  const own = tf.mul(o.ownWeight, positives.weights ?? tf.onesLike(tf.sum(positives.rows, 2)));
  const weights = tf.concat([own, soft], 1) as tf.Tensor2D;
  const widened: PairedBlock = {
    ...positives,
    rows: tf.concat([positives.rows, rows], 1),
    weights: o.normaliseTargets ? tf.div(weights, tf.sum(weights, 1, true)) : weights,
    ...(positives.mask && { mask: tf.concat([positives.mask, tf.ones([n, count])], 1) as tf.Tensor2D }),
  };
  const isContrastive = c.objective.usesNegatives;
  /** The neighbours of all workers' images. */
  const foreign = (): SharedBlock => ({
    kind: 'shared',
    rows: tf.reshape(workers.gather(rows), [-1, d]),
    mask: foreignMask(places, workers, o.dedupeNegatives),
  });
  return {
    ...c,
    positives: widened,
    negatives: isContrastive && o.neighboursAsNegatives ? [...c.negatives, foreign()] : c.negatives,
    objective: o.lossForm === 'inLog' ? softPositives : c.objective,
  };
}

/**
 * Which neighbours are negatives of which image: [n, W n K], 0 for the image's own, and with `isDeduped` for every row of the bank that
 * is one of them.
 */
function foreignMask(places: tf.Tensor2D, workers: Collective, isDeduped: boolean): tf.Tensor2D {
  const [n, count] = places.shape;
  const others = otherImages(workers, n);
  const columns = others.shape[1] * count;
  const foreign = tf.reshape(tf.tile(tf.expandDims(others, 2), [1, 1, count]), [n, columns]) as tf.Tensor2D;
  if (!isDeduped) return foreign;
  const all = tf.reshape(workers.gather(places), [1, columns]);
  const isOwn = tf
    .split(places, count, 1)
    .map((own) => tf.equal(own, all))
    .reduce((a, b) => tf.logicalOr(a, b));
  return tf.mul(foreign, tf.sub(1, tf.cast(isOwn, 'float32'))) as tf.Tensor2D;
}

/** Entropy of the weights, neighbours of the image's own class, share of distinct rows among all neighbours. */
function observe(o: ResolvedSnclrOptions, scored: readonly ScoredTerm[], { features, state, labels }: Io): Tensors {
  const found = Object.entries(features).filter(([name]) => name.startsWith('places/'));
  const places = tf.concat(found.map(([, t]) => t as tf.Tensor2D));
  const stored = tf.gather(bankIn(state).labels.rows, places) as unknown as tf.Tensor2D;
  const count = places.shape[1];
  const weights = scored
    .filter(({ term }) => term.name === o.term)
    .flatMap(({ comparisons }) => comparisons.map(({ comparison }) => comparison.positives.weights))
    .filter((w): w is tf.Tensor2D => w !== undefined && w.shape[1] > count)
    .map((w) => tf.slice(w, [0, w.shape[1] - count], [-1, count]));
  return {
    purity: purityOf(tf.tile(labels, [found.length]), stored),
    distinct: distinctShare(places),
    ...(weights.length > 0 && { weightEntropy: entropyOf(tf.concat(weights)) }),
  };
}
