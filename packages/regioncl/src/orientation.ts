import { type Branch, type Comparison, type SharedBlock, SslError, type StepIo } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * The host's comparisons whose anchors are the online network's own rows, which regions can stand in for, with shares that sum to what the
 * host's sum to.
 *
 * Where there is none (NNCLR asks with a stored neighbour and answers with the prediction) each is read the other way round:
 * prediction against neighbour, told apart from the neighbours of other images.
 *
 * @param views only comparisons from these. @throws SslError `INCOMPATIBLE` if none is left.
 */
export function regionHosts(
  comparisons: readonly Comparison[],
  { online }: Pick<StepIo, 'online'>,
  views: readonly string[],
): readonly Comparison[] {
  const own = comparisons.filter((c) => c.anchors === online.view(c.from).embedding);
  const oriented = own.length > 0 ? own : comparisons.map((c) => turned(c, online));
  const used = oriented.filter((c) => views.includes(c.from));
  if (used.length === 0) {
    throw new SslError('INCOMPATIBLE', `[regioncl] no comparison of the host starts from ${views.join(' or ')}.`, {
      hint: "Its term must state anchors of the views that the host's info calls anchorViews.",
    });
  }
  const sum = (list: readonly Comparison[]) => list.reduce((total, c) => total + c.share, 0);
  const scale = sum(comparisons) / sum(used);
  return used.map((c) => ({ ...c, share: c.share * scale }));
}

function turned(c: Comparison, online: Branch): Comparison {
  if (c.positives.kind !== 'paired' || c.positives.rows.shape[1] !== 1) {
    throw new SslError('INCOMPATIBLE', `[regioncl] the anchors of ${c.from} → ${c.to} are not the online network's.`, {
      hint: 'RegionCL needs image-level comparisons of online rows with one positive each; name another one as term.',
    });
  }
  const rows = c.anchors;
  const mask = tf.sub(1, tf.eye(rows.shape[0])) as tf.Tensor2D;
  const others: SharedBlock = { kind: 'shared', rows, mask };
  return {
    ...c,
    ...{ from: c.to, to: c.from, anchors: online.view(c.to).embedding },
    positives: { kind: 'paired', rows: tf.expandDims(rows, 1) as tf.Tensor3D },
    negatives: c.negatives.length > 0 ? [others] : [],
  };
}
