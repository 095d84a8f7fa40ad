import {
  type Comparison,
  cosine,
  createRing,
  definePlugin,
  enqueue,
  type HostInfo,
  type HostTensors,
  type JsonObject,
  type OnDevice,
  type Plugin,
  requireMultiple,
  type ScoredTerm,
  SslError,
  type State,
  type StepIo,
  softmax,
  stopGradient,
  type Tensors,
  type Term,
  type ViewPlan,
  type ViewRecipe,
  weaken,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { drawInterpolation, type InterpolationTensors, mixFeatures, mixImages } from './interpolation.js';
import { alphaAt, type RecoOptions, type ResolvedRecoOptions, resolveReco } from './options.js';
import { entropy, relationObjective, teacherDistribution } from './relation.js';
import { hostBank, hostComparison, negativesOfMixed, otherImages, QUERY_VIEW, WEAK_VIEW } from './structure.js';

/** Rows of an own queue where the host has no negatives to take the number from. */
const DEFAULT_BANK = 4096;
/** τ of the local term where the host's objective has none (the official command's). */
const DEFAULT_TEMPERATURE = 0.2;

type Io = StepIo & { readonly draws: OnDevice<HostTensors> };
type FullIo = Io & { readonly features: Tensors };

/**
 * ReCo (relation-aware contrastive learning, arXiv 2211.01796): adds two loss terms to the host's.
 *
 * - `relation` (weight λ₁): the strong view's softmax distribution over a bank of other images must follow that of a weak view under
 *   the target branch. Gradient reaches the online network through the host's anchors.
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
  const [hasRelation, hasInterpolation] = [o.lambdaGlobal > 0, o.lambdaLocal > 0];
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
    draw: (rng, step, host) =>
      hasInterpolation
        ? drawInterpolation(rng, host.batch, host.side, { ...o, alpha: alphaAt(o.alpha, step.epoch) })
        : {},
    encode: (io) => {
      const host = hostComparison(io.hostTerms, o.term);
      return {
        ...(hasRelation ? { teacher: io.target.view(teacherView(host, o)).embedding } : {}),
        ...(hasInterpolation ? encodeMixed(io, host, o) : {}),
        ...('keys' in io.state ? { key: io.target.view(host.to).embedding } : {}),
      };
    },
    edit: (terms, io) => {
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
    commit: ({ state, features }) => {
      for (const [name, rows] of [
        ['bank', features.teacher],
        ['keys', features.key],
      ] as const) {
        if (name in state) enqueue(ringIn(state, name), rows as tf.Tensor2D);
      }
    },
  });
}

/** A recipe as JSON, for the record of the run. */
const plain = (recipe: ViewRecipe): JsonObject => ({ ...recipe, steps: recipe.steps.map((step) => ({ ...step })) });

/** Name of the terms that this plug-in adds, and of their comparisons' log entries. */
const RELATION = 'relation';
const INTERPOLATION = 'interpolation';

const withWeakView = (plan: ViewPlan, o: ResolvedRecoOptions): ViewPlan => ({
  ...plan,
  [WEAK_VIEW]: typeof o.weakRecipe === 'string' ? weaken(plan[QUERY_VIEW]!) : o.weakRecipe,
});

const teacherView = (host: Comparison, o: ResolvedRecoOptions): string =>
  o.teacherView === 'weak' ? WEAK_VIEW : host.to;

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
  const wantsKeys = (o.lambdaLocal > 0 && o.localTarget === 'infoNce') || (o.lambdaGlobal > 0 && bank === 'host');
  return { bank: o.lambdaGlobal > 0 && bank === 'own', keys: rows === 0 && wantsKeys };
}

function bankRows(host: HostInfo, o: ResolvedRecoOptions): number {
  const wholeBatches = Math.max(host.batch, DEFAULT_BANK - (DEFAULT_BANK % host.batch));
  const rows = o.bankSize === 'host' ? host.negativeRows[o.term] || wholeBatches : o.bankSize;
  requireMultiple('reco', 'bankSize', rows, host.batch);
  return rows;
}

const ringIn = (state: State, name: 'bank' | 'keys') => ({
  rows: state[name] as tf.Variable<tf.Rank.R2>,
  pointer: state[`${name}Pointer`] as tf.Variable<tf.Rank.R0>,
});

/** The mixed images' features and what they should be. */
function encodeMixed({ images, online, target, draws }: Io, host: Comparison, o: ResolvedRecoOptions): Tensors {
  const mix = draws as unknown as InterpolationTensors;
  const pasted = o.mixSource === 'key' ? host.to : QUERY_VIEW;
  const mixedImages = mixImages(images[QUERY_VIEW]!, images[pasted]!, mix);
  const kept = o.localFeature === 'online' ? host.anchors : target.view(QUERY_VIEW).embedding;
  const other = o.mixSource === 'key' ? target.view(host.to).embedding : kept;
  return {
    mixed: online.encode(mixedImages, { updateStats: o.bnStatsFromMixed }).embedding,
    mixedTarget: mixFeatures(kept, other, mix),
  };
}

function relationTerm(io: FullIo, host: Comparison, o: ResolvedRecoOptions): Term {
  const teacher = io.features.teacher as tf.Tensor2D;
  const { rows, mask } = relationBank(io, host, o);
  const weights = teacherDistribution(teacher, rows, o.teacherTemperature, mask);
  const comparison: Comparison = {
    from: QUERY_VIEW,
    to: teacherView(host, o),
    anchors: host.anchors,
    positives: { kind: 'shared', rows, weights, ...(mask === undefined ? {} : { mask }) },
    negatives: [],
    temperature: o.studentTemperature,
    share: 1,
    objective: relationObjective(o.divergence),
  };
  return { name: RELATION, weight: o.lambdaGlobal, comparisons: [comparison] };
}

/** Candidates of the two distributions. `init` has settled `auto`: an own bank is there, or it is not. */
function relationBank(
  { state, features }: FullIo,
  host: Comparison,
  o: ResolvedRecoOptions,
): { readonly rows: tf.Tensor2D; readonly mask?: tf.Tensor2D } {
  if (state.bank !== undefined) return { rows: stopGradient(state.bank) as tf.Tensor2D };
  if (o.relationBank === 'host') {
    return state.keys === undefined ? hostBank(host.negatives) : { rows: stopGradient(state.keys) as tf.Tensor2D };
  }
  const rows = features.teacher as tf.Tensor2D;
  return { rows, mask: otherImages(rows.shape[0]) };
}

function interpolationTerm({ state, features, draws }: FullIo, host: Comparison, o: ResolvedRecoOptions): Term {
  const { partner } = draws as unknown as InterpolationTensors;
  const hostTemperature = host.objective.usesNegatives ? host.temperature : DEFAULT_TEMPERATURE;
  const isContrast = o.localTarget === 'infoNce';
  const comparison: Comparison = {
    from: QUERY_VIEW,
    to: host.to,
    anchors: features.mixed as tf.Tensor2D,
    positives: { kind: 'paired', rows: tf.expandDims(features.mixedTarget!, 1) as tf.Tensor3D },
    negatives: !isContrast
      ? []
      : state.keys === undefined
        ? negativesOfMixed(host.negatives, partner)
        : [{ kind: 'shared', rows: stopGradient(state.keys) as tf.Tensor2D }],
    temperature: o.localTemperature === 'host' ? hostTemperature : o.localTemperature,
    share: 1,
    objective: isContrast ? softmax : cosine(0, -1),
  };
  return { name: INTERPOLATION, weight: o.lambdaLocal, comparisons: [comparison] };
}

const comparisonOf = (scored: readonly ScoredTerm[], term: string) =>
  scored.find((s) => s.term.name === term)?.comparisons[0];

function relationMetrics(scored: readonly ScoredTerm[]): Tensors {
  const found = comparisonOf(scored, RELATION);
  if (found === undefined) return {};
  const { comparison, losses, scores } = found;
  const teacherEntropy = tf.mean(entropy(comparison.positives.weights as tf.Tensor2D));
  const isCross = comparison.objective.name === 'crossEntropy';
  if (!isCross && scores === undefined) return { teacherEntropy }; // scored in row blocks: no scores to take it from
  const cross = isCross ? losses : relationObjective('crossEntropy').losses(scores!, comparison);
  return { kl: tf.sub(tf.mean(cross), teacherEntropy), teacherEntropy };
}

function cosineMetric(scored: readonly ScoredTerm[]): Tensors {
  const scores = comparisonOf(scored, INTERPOLATION)?.scores;
  return scores === undefined ? {} : { mixedCosine: tf.mean(scores.positives) };
}
