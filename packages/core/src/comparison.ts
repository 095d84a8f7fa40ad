import type * as tf from '@tensorflow/tfjs-core';
import type { ViewName } from './recipe.js';

/** Candidate rows of their own for each anchor: `rows` [n, r, d], `weights` [n, r] (how much each is wanted; default 1 for positives). */
export interface PairedBlock {
  readonly kind: 'paired';
  readonly rows: tf.Tensor3D;
  readonly weights?: tf.Tensor2D;
  /** [n, r], 1 = counts, 0 = hidden. Default all ones. */
  readonly mask?: tf.Tensor2D;
  /** Rows to score instead of the comparison's anchors, [n, d]: for a method that moves the anchors of its positives only. */
  readonly anchors?: tf.Tensor2D;
}

/** Candidate rows that all anchors share: `rows` [m, d]. */
export interface SharedBlock {
  readonly kind: 'shared';
  readonly rows: tf.Tensor2D;
  /** [n, m]: how much each anchor wants each row. Only meaningful in positives. */
  readonly weights?: tf.Tensor2D;
  /** [n, m], 1 = counts, 0 = hidden (the anchor itself, its partner). Default all ones. */
  readonly mask?: tf.Tensor2D;
  /** Rows to score instead of the comparison's anchors, [n, d]: for a method that moves the anchors of its positives only. */
  readonly anchors?: tf.Tensor2D;
}

export type Block = PairedBlock | SharedBlock;

/** Scores of one comparison. n anchors; P and M are the numbers of positive and negative candidate rows. */
export interface Scores {
  /** Inner products anchor · row, [n, P]: cosines where rows are unit. */
  readonly positives: tf.Tensor2D;
  /** [n, P]. */
  readonly weights: tf.Tensor2D;
  /** One [n, m] matrix per negative block. */
  readonly negatives: readonly tf.Tensor2D[];
  /** Masks of the candidates, aligned with `[positives, ...negatives]`; undefined = all count. */
  readonly masks: readonly (tf.Tensor2D | undefined)[];
}

/** Turns the scores of n anchors into n losses. Plug-ins may bring their own. */
export interface Objective {
  readonly name: string;
  /** False: negatives are ignored (SimSiam, BYOL). A plug-in that would add negatives then adds none. */
  readonly usesNegatives: boolean;
  /** @returns loss of each anchor, [n]. Row-wise: row i may depend on row i of the arguments only. */
  losses(scores: Scores, comparison: Comparison): tf.Tensor1D;
}

/**
 * Anchors scored against candidate rows, some of them wanted. A host states its loss as a list of these, a plug-in edits the
 * list, core turns it into a number. Rows are unit when they leave the host.
 */
export interface Comparison {
  /** View that the anchors come from. */
  readonly from: ViewName;
  /** View that the positives come from. */
  readonly to: ViewName;
  /** [n, d]. */
  readonly anchors: tf.Tensor2D;
  readonly positives: Block;
  /** Empty for SimSiam and BYOL. */
  readonly negatives: readonly Block[];
  /** τ > 0, no unit. Ignored by objectives without softmax. */
  readonly temperature: number;
  /** Factor of this direction inside its term: 1, 1/2, 2τ … */
  readonly share: number;
  readonly objective: Objective;
}

/**
 * One additive part of the loss: weight × Σ share × mean(losses), logged as `loss/<name>`. Every host calls its image-level term
 * `global`; DenseCL adds `dense`.
 */
export interface Term {
  readonly name: string;
  /** A number, or a scalar that enters the step (a schedule). */
  readonly weight: number | tf.Scalar;
  readonly comparisons: readonly Comparison[];
}

/** A term that was scored. */
export interface ScoredTerm {
  readonly term: Term;
  /** Σ share × mean(losses), before the term's weight. */
  readonly loss: tf.Scalar;
  readonly comparisons: readonly {
    readonly comparison: Comparison;
    readonly losses: tf.Tensor1D;
    /** Undefined where the comparison was so large that it was scored in row blocks. */
    readonly scores: Scores | undefined;
  }[];
}
