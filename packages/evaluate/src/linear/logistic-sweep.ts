import { resolveOptions } from '@contrastive/core';
import { type LabelledFeatures, requireLabelled, requireTwoClasses, takeRows } from '../features.js';
import { otherRows, stratifiedSample } from '../splits.js';
import { scoreClassifier } from './classifier.js';
import { fitLogistic, LOGISTIC_DEFAULTS, type LogisticFit, type LogisticOptions } from './logistic.js';

export interface LogisticSweepOptions extends Omit<LogisticOptions, 'C'> {
  /** Values of C to try. Default 10⁻³, 10⁻², … 10³. */
  readonly Cs?: readonly number[];
  /** Of the split. Default 0. */
  readonly seed?: number;
}
const { C: _, ...FIT_DEFAULTS } = LOGISTIC_DEFAULTS;
export const LOGISTIC_SWEEP_DEFAULTS: Required<LogisticSweepOptions> = {
  ...FIT_DEFAULTS,
  Cs: [1e-3, 1e-2, 1e-1, 1, 10, 100, 1000],
  seed: 0,
};

export interface LogisticSweep {
  readonly fit: LogisticFit;
  /** Accuracy on the held-out fifth for every C. */
  readonly accuracies: readonly { readonly C: number; readonly accuracy: number }[];
}

/**
 * {@link fitLogistic} with C chosen on a stratified 20 % of the *training* set (ties: the smaller C), then fitted again on all of it.
 *
 * @throws SslError as {@link fitLogistic}; also `BAD_OPTION` without a C. Source: spec "evaluation" 3.2 (recommended for transfer).
 */
export async function sweepLogistic(
  train: LabelledFeatures,
  options: LogisticSweepOptions = {},
): Promise<LogisticSweep> {
  const { Cs, seed, ...rest } = resolveOptions<Required<LogisticSweepOptions>>(
    'sweepLogistic',
    LOGISTIC_SWEEP_DEFAULTS,
    options,
    (r) => (r.Cs.length > 0 ? [] : [{ option: 'Cs', problem: 'must name at least one C' }]),
  );
  requireLabelled('sweepLogistic', 'train', train);
  requireTwoClasses('sweepLogistic', train.labels);
  const heldRows = stratifiedSample(train.labels, 0.2, seed);
  const held = takeRows(train, heldRows);
  const used = takeRows(train, otherRows(train.rows, heldRows));
  const accuracies: { C: number; accuracy: number }[] = [];
  for (const C of [...Cs].sort((a, b) => a - b)) {
    const fit = await fitLogistic(used, { ...rest, C });
    accuracies.push({ C, accuracy: (await scoreClassifier(fit, held)).top1.value });
  }
  const best = accuracies.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  return { fit: await fitLogistic(train, { ...rest, C: best.C }), accuracies };
}
