import { type Block, type Comparison, SslError, stopGradient, type Term, termOf } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** The view whose passes are trained: hosts call the query view so. */
export const QUERY_VIEW = 'view1';
/** The view that this plug-in adds. */
export const WEAK_VIEW = 'weak';

/** The host's comparison whose anchors are the query view. @throws SslError `INCOMPATIBLE` if there is none. */
export function hostComparison(terms: readonly Term[], term: string): Comparison {
  const found = termOf('reco', terms, term).comparisons.find((c) => c.from === QUERY_VIEW);
  if (found !== undefined) return found;
  throw new SslError('INCOMPATIBLE', `[reco] the term ${term} has no comparison of ${QUERY_VIEW}.`);
}

/**
 * The host's negatives for mixed images: gradient stopped, and where the host hides rows of the anchor's own image (in-batch
 * negatives), those of its partner's are hidden too. A queue has no mask and stays whole.
 */
export const negativesOfMixed = (blocks: readonly Block[], partner: tf.Tensor1D): readonly Block[] =>
  blocks.map((block) => {
    const { mask } = block;
    if (block.kind === 'paired') return { ...block, rows: stopGradient(block.rows) };
    const rows = stopGradient(block.rows);
    if (mask === undefined) return { kind: 'shared', rows };
    return { kind: 'shared', rows, mask: tf.mul(mask, tf.gather(mask, partner)) as tf.Tensor2D };
  });

/** The host's first shared block of negatives as candidates of a distribution. */
export function hostBank(blocks: readonly Block[]): { readonly rows: tf.Tensor2D; readonly mask?: tf.Tensor2D } {
  const block = blocks.find((b) => b.kind === 'shared');
  if (block === undefined) {
    throw new SslError('INCOMPATIBLE', "[reco] relationBank 'host' needs negatives that all anchors share.");
  }
  const rows = stopGradient(block.rows) as tf.Tensor2D;
  return block.mask === undefined ? { rows } : { rows, mask: block.mask };
}
