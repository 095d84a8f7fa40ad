import {
  type Block,
  type Comparison,
  definePlugin,
  type HostInfo,
  mapComparisons,
  type OnDevice,
  outlineOf,
  type Plugin,
  type SharedBlock,
  SslError,
  type State,
  type StepInfo,
  type Tensors,
  unit,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { drawFt, type FtDraws, negativeSizes } from './draws.js';
import { pushApart } from './extrapolation.js';
import { mixMask, mixRows } from './interpolation.js';
import { type FtOptions, type ResolvedFtOptions, resolveFt } from './options.js';

type Draws = OnDevice<FtDraws>;

/**
 * FT, feature transformation: each step pushes every positive pair apart and mixes the negatives with a permutation of themselves,
 * after the heads and before the scores. Nothing stored is altered: queues keep the raw keys.
 *
 * Needs one paired positive per anchor; negatives are optional (SimSiam and BYOL take the positive half only).
 * Gradient reaches the anchor through both moved rows, never a queue, a target or the coefficients.
 *
 * @throws SslError `BAD_OPTION`; from hooks `INCOMPATIBLE` if the host has nothing to transform.
 * @example ft() // the paper's setting: one λ_ex = 1 + Beta(2, 2), one λ_in from Beta(1.6, 1.6) and one permutation a step
 * Source: Zhu et al. 2021, arXiv 2108.02982; spec "ft".
 */
export function ft(options: FtOptions = {}): Plugin<FtDraws, Tensors, State> {
  const o = resolveFt(options);
  return definePlugin<FtDraws, Tensors, State>({
    name: 'ft',
    options: { ...o },
    init: (host) => {
      checkHost(o, host);
      return {};
    },
    outline: (terms) => {
      for (const name of o.terms) {
        const { positives } = outlineOf('ft', terms, name);
        if (positives !== 'one' && o.target !== 'neg') throw notOnePositive(`term ${name} has several`);
      }
      return terms;
    },
    phase: (step) => (isOn(o, step) ? 'on' : 'off'),
    draw: (rng, _step, host) => drawFt(o, rng, host),
    edit: (terms, { draws, phase }) =>
      phase === 'off' ? terms : mapComparisons('ft', terms, o.terms, (c) => transform(o, c, draws)),
  });
}

const isOn = (o: ResolvedFtOptions, { epoch }: StepInfo): boolean =>
  epoch > o.startEpoch && (o.endEpoch === 'last' || epoch <= o.endEpoch);

function checkHost(o: ResolvedFtOptions, host: HostInfo): void {
  if (o.target === 'neg' && negativeSizes(host).length === 0) {
    throw new SslError('INCOMPATIBLE', '[ft] target neg mixes negatives, but no term of this host has any.', {
      hint: "Use target 'pos' or 'posneg' here, or a host with a queue or in-batch negatives.",
    });
  }
}

/** Both halves on one comparison. */
function transform(o: ResolvedFtOptions, c: Comparison, draws: Draws): Comparison {
  const norm = o.postNorm === 'auto' ? (c.objective.usesNegatives ? 'off' : 'pos') : o.postNorm;
  const moved = o.target === 'neg' ? c : movePair(o, c, draws.lambdaEx, norm === 'pos' || norm === 'all');
  if (o.target === 'pos') return moved;
  const isUnit = norm === 'neg' || norm === 'all';
  const negatives = c.negatives.flatMap((block): readonly Block[] => {
    if (block.kind === 'paired') return [block];
    const mixed = mixBlock(o, block, draws, isUnit);
    return o.negativeMode === 'append' ? [block, mixed] : [mixed];
  });
  return { ...moved, negatives };
}

function movePair(o: ResolvedFtOptions, c: Comparison, lambda: tf.Tensor2D, isUnit: boolean): Comparison {
  const { anchors, positives } = c;
  if (positives.kind !== 'paired' || positives.rows.shape[1] !== 1) {
    throw notOnePositive(`${c.from} → ${c.to} has ${describe(positives)}`);
  }
  const [n, d] = anchors.shape;
  requireCoefficients('positiveGranularity', lambda, n, d, `${c.from} → ${c.to}`);
  const before = { anchor: positives.anchors ?? anchors, positive: tf.reshape(positives.rows, [n, d]) as tf.Tensor2D };
  const after = pushApart(before, lambda, { detachPositive: o.detachPositive });
  const finish = (rows: tf.Tensor2D) => (isUnit ? unit(rows) : rows);
  const anchor = o.move === 'positive' ? before.anchor : finish(after.anchor);
  const positive = o.move === 'anchor' ? before.positive : finish(after.positive);
  const { anchors: _, ...rest } = positives;
  const block = { ...rest, rows: tf.reshape(positive, [n, 1, d]) as tf.Tensor3D };
  return o.negativesScoredWith === 'moved'
    ? { ...c, anchors: anchor, positives: block }
    : { ...c, positives: { ...block, anchors: anchor } };
}

const notOnePositive = (what: string): SslError =>
  new SslError('INCOMPATIBLE', `[ft] needs one positive row of its own for each anchor, but ${what}.`, {
    hint: "Leave that term out of ft's terms, or list ft before the plug-in that widens the positives.",
  });

const describe = (block: Block): string =>
  block.kind === 'shared' ? `${block.rows.shape[0]} rows shared by all` : `${block.rows.shape[1]} for each`;

function mixBlock(o: ResolvedFtOptions, block: SharedBlock, draws: Draws, isUnit: boolean): SharedBlock {
  const [m, d] = block.rows.shape;
  const read = (name: string): tf.Tensor => {
    const t = draws[`${name}/${m}`];
    if (t !== undefined) return t;
    throw new SslError('INCOMPATIBLE', `[ft] no permutation was drawn for a block of ${m} negatives.`, {
      hint: "The host's info must state this block in negativeRows.",
    });
  };
  const lambda = read('lambdaIn');
  requireCoefficients('negativeGranularity', lambda, m, d, `${m} negatives`);
  const permutation = { order: read('order') as tf.Tensor1D, inverse: read('inverse') as tf.Tensor1D };
  const mixed = mixRows(block.rows, lambda, permutation);
  return {
    ...block,
    rows: isUnit ? unit(mixed) : mixed,
    // With a factor of 1 nothing is mixed in, so nothing more is hidden.
    ...(block.mask === undefined || o.lambdaIn === 1 ? {} : { mask: mixMask(block.mask, permutation) }),
  };
}

/** Coefficients per row or dimension fit the host's image-level rows only; others would broadcast wrongly. */
function requireCoefficients(option: string, lambda: tf.Tensor, rows: number, dim: number, where: string): void {
  const [r, c] = lambda.shape as [number, number];
  if ((r === 1 || r === rows) && (c === 1 || c === dim)) return;
  throw new SslError(
    'INCOMPATIBLE',
    `[ft] coefficients are [${r}, ${c}], but ${where} are [${rows}, ${dim}] rows: they fit the host's image-level rows only.`,
    { hint: `Set ${option} to 'step', or leave that term out of ft's terms.` },
  );
}
