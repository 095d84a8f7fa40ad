import {
  createRing,
  definePlugin,
  enqueue,
  globalBatch,
  type HostInfo,
  type HostTensors,
  type JsonObject,
  type Plugin,
  requireMultiple,
  SslError,
  type State,
  type Tensors,
  type ViewPlan,
  type ViewRecipe,
  weaken,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { drawInterpolation, type InterpolationTensors } from './interpolation.js';
import { cosineMetric, relationMetrics } from './metrics.js';
import { alphaAt, type RecoOptions, type ResolvedRecoOptions, resolveReco } from './options.js';
import { hostComparison, QUERY_VIEW, WEAK_VIEW } from './structure.js';
import { encodeMixed, INTERPOLATION, interpolationTerm, RELATION, relationTerm, teacherView } from './terms.js';

/** Rows of an own queue where the host has no negatives to take the number from. */
const DEFAULT_BANK = 4096;

/**
 * ReCo (relation-aware contrastive learning, arXiv 2211.01796): adds two loss terms to the host's.
 *
 * - `relation` (weight λ₁): the strong view's softmax distribution over a bank of other images must follow that of a weak view under
 *   the target branch. Gradient reaches the online network through view1's embedding.
 * - `interpolation` (weight λ₂): the feature of a pixel-mixed image must be the same mix of the two images' features, told apart from
 *   the host's negatives. Gradient reaches the online network through the mixed pass only.
 *
 * State: `bank` (rows of the weak view's targets) and, over hosts without negatives, `keys` (targets of view2), each with its pointer.
 * Metrics: `kl`, `teacherEntropy` (nats), `lambda` (kept share), `mixedCosine` (mixed image · mixed feature).
 *
 * @throws SslError `BAD_OPTION` for options or a bank size that do not fit; `INCOMPATIBLE` if the host has no such term.
 * @example new Trainer({ host: moco({ backbone: resnet18() }), plugins: [reco()], … })
 */
export function reco(options: RecoOptions = {}): Plugin<HostTensors, Tensors, State> {
  const o = resolveReco(options);
  const [hasRelation, hasInterpolation] = [o.lambda1 > 0, o.lambda2 > 0];
  return definePlugin<HostTensors, Tensors, State>({
    name: 'reco',
    options: { ...o, weakRecipe: typeof o.weakRecipe === 'string' ? o.weakRecipe : plain(o.weakRecipe) },
    replacesHostLoss: !o.hostLoss,
    views: (plan) => (hasRelation && o.teacherView === 'weak' ? withWeakView(plan, o) : plan),
    init: (host, rng) => {
      const needs = needsOf(host, o);
      const ring = (name: string) => {
        const { rows, pointer } = createRing({ rows: bankRows(host, o), dim: host.dim, rng: rng.fork(name) });
        return { [name]: rows, [`${name}Pointer`]: pointer };
      };
      return { ...(needs.bank ? ring('bank') : {}), ...(needs.keys ? ring('keys') : {}) };
    },
    outline: (terms) => ({
      ...terms,
      ...(hasRelation && { [RELATION]: { positives: 'several' } }),
      ...(hasInterpolation && { [INTERPOLATION]: { positives: 'one' } }),
    }),
    phase: (step) => (step.epoch > o.startEpoch ? 'on' : 'off'),
    draw: (rng, step, host) =>
      hasInterpolation
        ? drawInterpolation(rng, host.batch, host.side, {
            ...o,
            alpha: alphaAt(o.alpha, step.epoch),
            workers: host.workers,
          })
        : {},
    encode: (io) => {
      const host = hostComparison(io.hostTerms, o.term);
      return {
        ...(hasRelation ? { teacher: io.target.view(teacherView(host, o)).embedding } : {}),
        ...(hasInterpolation && io.phase === 'on' ? encodeMixed(io, host, o) : {}),
        ...('keys' in io.state ? { key: io.target.view(host.to).embedding } : {}),
      };
    },
    edit: (terms, io) => {
      if (io.phase === 'off') return terms;
      const host = hostComparison(io.hostTerms, o.term);
      return [
        ...terms,
        ...(hasRelation ? [relationTerm(io, host, o)] : []),
        ...(hasInterpolation ? [interpolationTerm(io, host, o)] : []),
      ];
    },
    observe: (scored, { draws }) => ({
      ...relationMetrics(scored),
      ...(hasInterpolation ? { lambda: tf.mean((draws as unknown as InterpolationTensors).lambda) } : {}),
      ...cosineMetric(scored),
    }),
    commit: ({ state, features, workers }) => {
      for (const [name, rows] of [
        ['bank', features.teacher],
        ['keys', features.key],
      ] as const) {
        if (name in state) enqueue(ringIn(state, name), workers.gather(rows as tf.Tensor2D));
      }
    },
  });
}

/** A recipe as JSON, for the record of the run. */
const plain = (recipe: ViewRecipe): JsonObject => ({ ...recipe, steps: recipe.steps.map((step) => ({ ...step })) });

const withWeakView = (plan: ViewPlan, o: ResolvedRecoOptions): ViewPlan => ({
  ...plan,
  [WEAK_VIEW]: typeof o.weakRecipe === 'string' ? weaken(plan[QUERY_VIEW]!) : o.weakRecipe,
});

/** Which queues of its own this run keeps, by what the host offers. */
function needsOf(host: HostInfo, o: ResolvedRecoOptions): { readonly bank: boolean; readonly keys: boolean } {
  const rows = host.negativeRows[o.term];
  if (rows === undefined) {
    throw new SslError(
      'INCOMPATIBLE',
      `[reco] the host has no loss term ${o.term}; it has ${Object.keys(host.negativeRows).join(', ')}.`,
      { hint: 'Name one of them in the option term.' },
    );
  }
  const inBatch = rows > 0 && !host.momentumTarget;
  const bank = o.relationBank === 'auto' ? (inBatch ? 'batch' : 'own') : o.relationBank;
  const wantsKeys = (o.lambda2 > 0 && o.localTarget === 'infoNce') || (o.lambda1 > 0 && bank === 'host');
  return { bank: o.lambda1 > 0 && bank === 'own', keys: rows === 0 && wantsKeys };
}

function bankRows(host: HostInfo, o: ResolvedRecoOptions): number {
  const added = globalBatch(host);
  const wholeBatches = Math.max(added, DEFAULT_BANK - (DEFAULT_BANK % added));
  const rows = o.bankSize === 'host' ? host.negativeRows[o.term] || wholeBatches : o.bankSize;
  requireMultiple('reco', 'bankSize', rows, added);
  return rows;
}

const ringIn = (state: State, name: 'bank' | 'keys') => ({
  rows: state[name] as tf.Variable<tf.Rank.R2>,
  pointer: state[`${name}Pointer`] as tf.Variable<tf.Rank.R0>,
});
