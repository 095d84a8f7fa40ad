import { globalBatch, type HostInfo, requireMultiple, SslError } from '@contrastive/core';
import { composedViews, sidesOf } from './draws.js';
import type { ResolvedRegionclOptions } from './options.js';

/** @throws SslError `INCOMPATIBLE` if grid or batch of this host do not fit the options. */
export function checkHost(o: ResolvedRegionclOptions, host: HostInfo): void {
  const { batch, grid, side } = host;
  const fail = (message: string, hint: string): never => {
    throw new SslError('INCOMPATIBLE', `[regioncl] ${message}`, { hint });
  };
  if (grid < 2) {
    fail(
      `the feature map has ${grid} × ${grid} cells, but a region needs at least 2 × 2.`,
      'Use larger images, or a backbone with a smaller stride (stem cifar or small).',
    );
  }
  const { minSide, maxSide } = sidesOf(o, host);
  if (maxSide >= grid || minSide > maxSide) {
    fail(
      `sides are ${minSide} to ${maxSide} cells, but they must be less than the grid's ${grid}, so that a canvas is left.`,
      `Set maxSide to ${grid - 1} or less, or leave minSide and maxSide to 'auto'.`,
    );
  }
  if (o.start === 'official' && side % grid !== 0) {
    fail(
      `start official needs a grid that divides the image, but ${side} pixels have ${grid} cells.`,
      "Use start: 'aligned', which pools partly covered cells with less weight.",
    );
  }
  for (const option of ['rectangles', 'partnerBlock'] as const) {
    const size = o[option];
    if (typeof size === 'number' && batch % size !== 0)
      fail(`${option} is ${size}, but the batch of ${batch} is no multiple of it.`, `Choose a divisor of ${batch}.`);
  }
  const block = o.partnerBlock === 'batch' ? batch : o.partnerBlock;
  if (block < 2) fail(`a batch of ${batch} has no partners.`, 'Use at least two images.');
  if (o.partner === 'shift' && o.partnerShift % block === 0) {
    fail(`partnerShift is ${o.partnerShift}: each image of ${block} would be its own partner.`, 'Use 1.');
  }
  if (o.symmetric === true && host.anchorViews.length < 2) {
    fail(
      `symmetric regions need a host that trains both views, but this one trains ${host.anchorViews}.`,
      "Use 'auto'.",
    );
  }
  if (o.regionQueue > 0) {
    requireMultiple('regioncl', 'regionQueue', o.regionQueue, 2 * globalBatch(host) * composedViews(o, host).length);
  }
}
