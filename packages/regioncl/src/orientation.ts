import { type Branch, type Comparison, onlineComparisons, SslError } from '@contrastive/core';

/**
 * The host's comparisons that region rows can stand in for (see `onlineComparisons` of core), with shares that sum to what the host's
 * sum to.
 *
 * @param views only comparisons from these. @throws SslError `INCOMPATIBLE` if none is left.
 */
export function regionHosts(
  comparisons: readonly Comparison[],
  online: Branch,
  views: readonly string[],
): readonly Comparison[] {
  const used = onlineComparisons('regioncl', comparisons, online)
    .map(({ comparison }) => comparison)
    .filter((c) => views.includes(c.from));
  if (used.length === 0) {
    throw new SslError('INCOMPATIBLE', `[regioncl] no comparison of the host starts from ${views.join(' or ')}.`, {
      hint: "Its term must state anchors of the views that the host's info calls anchorViews.",
    });
  }
  const sum = (list: readonly Comparison[]) => list.reduce((total, c) => total + c.share, 0);
  const scale = sum(comparisons) / sum(used);
  return used.map((c) => ({ ...c, share: c.share * scale }));
}
