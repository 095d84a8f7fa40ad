import {
  type Comparison,
  cosine,
  type HostTensors,
  type OnDevice,
  otherImages,
  type StepIo,
  softmax,
  stopGradient,
  type Tensors,
  type Term,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { type InterpolationTensors, mixFeatures, mixImages } from './interpolation.js';
import type { ResolvedRecoOptions } from './options.js';
import { relationObjective, teacherDistribution } from './relation.js';
import { hostBank, negativesOfMixed, QUERY_VIEW, WEAK_VIEW } from './structure.js';

/** Names of the terms that this plug-in adds; logged as `loss/<name>`. */
export const RELATION = 'relation';
export const INTERPOLATION = 'interpolation';

/** τ of the local term where the host's objective has none (the official command's). */
const DEFAULT_TEMPERATURE = 0.2;

export type Io = StepIo & { readonly draws: OnDevice<HostTensors> };
export type FullIo = Io & { readonly features: Tensors };

/** The view whose target rows teach. */
export const teacherView = (host: Comparison, o: ResolvedRecoOptions): string =>
  o.teacherView === 'weak' ? WEAK_VIEW : host.to;

/** The mixed images' features and what they should be. */
export function encodeMixed({ images, online, target, draws }: Io, host: Comparison, o: ResolvedRecoOptions): Tensors {
  const mix = draws as unknown as InterpolationTensors;
  const pasted = o.mixSource === 'key' ? host.to : QUERY_VIEW;
  const mixedImages = mixImages(images[QUERY_VIEW]!, images[pasted]!, mix);
  const kept = (o.localFeature === 'online' ? online : target).view(QUERY_VIEW).embedding;
  const other = o.mixSource === 'key' ? target.view(host.to).embedding : kept;
  return {
    mixed: online.encode(mixedImages, { updateStats: o.bnStatsFromMixed }).embedding,
    mixedTarget: mixFeatures(kept, other, mix),
  };
}

/** Student against teacher over the relation bank. */
export function relationTerm(io: FullIo, host: Comparison, o: ResolvedRecoOptions): Term {
  const teacher = io.features.teacher as tf.Tensor2D;
  const { rows, mask } = relationBank(io, host, o);
  const weights = teacherDistribution(teacher, rows, o.teacherTemperature, mask);
  const comparison: Comparison = {
    from: QUERY_VIEW,
    to: teacherView(host, o),
    anchors: io.online.view(QUERY_VIEW).embedding, // hosts may replace their anchors, by neighbours for example
    positives: { kind: 'shared', rows, weights, ...(mask === undefined ? {} : { mask }) },
    negatives: [],
    temperature: o.studentTemperature,
    share: 1,
    objective: relationObjective(o.divergence),
  };
  return { name: RELATION, weight: o.lambda1, comparisons: [comparison] };
}

/** Candidates of the two distributions. `init` has settled `auto`: an own bank is there, or it is not. */
function relationBank(
  { state, features, workers }: FullIo,
  host: Comparison,
  o: ResolvedRecoOptions,
): { readonly rows: tf.Tensor2D; readonly mask?: tf.Tensor2D } {
  if (state.bank !== undefined) return { rows: stopGradient(state.bank) as tf.Tensor2D };
  if (o.relationBank === 'host') {
    return state.keys === undefined ? hostBank(host.negatives) : { rows: stopGradient(state.keys) as tf.Tensor2D };
  }
  const own = features.teacher as tf.Tensor2D;
  return { rows: workers.gather(own), mask: otherImages(workers, own.shape[0]) };
}

/** Mixed images against mixed features. */
export function interpolationTerm({ state, features, draws }: FullIo, host: Comparison, o: ResolvedRecoOptions): Term {
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
  return { name: INTERPOLATION, weight: o.lambda2, comparisons: [comparison] };
}
