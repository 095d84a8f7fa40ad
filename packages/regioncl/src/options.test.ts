import { Rng } from '@contrastive/core';
import { describe, expect, it } from 'vitest';
import { checkHost } from './check-host.js';
import { composedViews, drawRegions } from './draws.js';
import { REGIONCL_DEFAULTS, type RegionclOptions, resolveRegioncl } from './options.js';

const hostInfo = (given = {}) => ({
  ...{ batch: 4, side: 28, dim: 5, channels: 6, grid: 7, stride: 4, momentumTarget: true },
  ...{ anchorViews: ['view1', 'view2'], negativeRows: { global: 8 }, ...given },
});

describe('resolveRegioncl', () => {
  it('defaults to the paper’s setting with aligned rectangles', () => {
    expect(resolveRegioncl({})).toEqual(REGIONCL_DEFAULTS);
    expect(resolveRegioncl({})).toMatchObject({
      regionWeight: 1,
      intraNegative: true,
      partner: 'reverse',
      start: 'aligned',
    });
  });

  it.each([
    [{ minSide: 0 }, 'minSide must be auto or an integer ≥ 1, but is 0'],
    [{ maxSide: 2.5 }, 'maxSide must be auto or an integer ≥ 1'],
    [{ minSide: 4, maxSide: 3 }, 'minSide must be ≤ maxSide (3), but is 4'],
    [{ aspect: 'wide' }, 'aspect must be one of free, square'],
    [{ start: 'random' }, 'start must be one of aligned, official, exclusiveEnd'],
    [{ rectangles: 0 }, 'rectangles must be batch, image or an integer ≥ 1'],
    [{ partner: 'next' }, 'partner must be one of'],
    [{ partnerShift: 0 }, 'partnerShift must be an integer ≥ 1'],
    [{ partnerBlock: 1 }, 'partnerBlock must be batch or an integer ≥ 2'],
    [{ regionWeight: -1 }, 'regionWeight must be a number ≥ 0'],
    [{ canvasWeight: 0, pasteWeight: 0 }, 'canvasWeight must be > 0 if pasteWeight is 0'],
    [{ intraNegative: 'no' }, 'intraNegative must be one of true, false'],
    [{ intraStopGradient: 0 }, 'intraStopGradient must be'],
    [{ maskFixedPoints: 0 }, 'maskFixedPoints must be'],
    [{ hostNegatives: 0 }, 'hostNegatives must be'],
    [{ pool: 'roi' }, 'pool must be one of mask, unswapped, whole'],
    [{ composedPass: 'one' }, 'composedPass must be one of separate, joint'],
    [{ regionNorm: 'one' }, 'regionNorm must be one of separate, joint'],
    [{ swapView: 'key' }, 'swapView must be one of query, both'],
    [{ symmetric: 'yes' }, 'symmetric must be one of auto, true, false'],
    [{ temperature: 0 }, 'temperature must be host or a number > 0'],
    [{ regionQueue: -1 }, 'regionQueue must be an integer ≥ 0'],
    [{ regionEvery: 0 }, 'regionEvery must be an integer ≥ 1'],
    [{ term: '' }, 'term must be the name of a loss term'],
    [{ weight: 1 }, 'weight is not an option'],
  ])('refuses %j', (options, message) => {
    expect(() => resolveRegioncl(options as RegionclOptions)).toThrow(message);
  });
});

describe('checkHost', () => {
  const checked =
    (options: RegionclOptions, host = {}) =>
    () =>
      checkHost(resolveRegioncl(options), hostInfo(host));

  it('accepts what fits', () => {
    expect(checked({})).not.toThrow();
    expect(checked({ rectangles: 2, partnerBlock: 2, regionQueue: 32 })).not.toThrow();
    expect(checked({ maxSide: 2 })).not.toThrow(); // the shortest side gives way
  });

  it.each([
    [{}, { grid: 1 }, 'the feature map has 1 × 1 cells'],
    [{ maxSide: 7 }, {}, "sides are 3 to 7 cells, but they must be less than the grid's 7"],
    [{ minSide: 6 }, { grid: 5 }, 'sides are 6 to 6 cells'],
    [{ start: 'official' }, { side: 30 }, 'needs a grid that divides the image, but 30 pixels have 7 cells'],
    [{ rectangles: 3 }, {}, 'rectangles is 3, but the batch of 4 is no multiple'],
    [{ partnerBlock: 3 }, {}, 'partnerBlock is 3'],
    [{}, { batch: 1 }, 'a batch of 1 has no partners'],
    [{ partner: 'shift', partnerShift: 4 }, {}, 'each image of 4 would be its own partner'],
    [{ symmetric: true }, { anchorViews: ['view1'] }, 'need a host that trains both views, but this one trains view1'],
    [{ regionQueue: 10 }, {}, 'regionQueue is 10, but it must be a multiple of the 16 rows'],
  ] as const)('refuses %j over %j', (options, host, message) => {
    expect(checked(options as RegionclOptions, host)).toThrow(message);
  });
});

describe('drawRegions', () => {
  const draw = (options: RegionclOptions, seed = 1, host = hostInfo()) =>
    drawRegions(resolveRegioncl(options), Rng.create(seed), host);

  it('draws one rectangle for each composed view, one for each block or image if asked', () => {
    const draws = draw({});
    expect(Object.keys(draws)).toEqual(
      ['partner', 'inverse', 'pixels/view1', 'cells/view1', 'pixels/view2', 'cells/view2'], // biome-ignore format: short
    );
    expect(draws['pixels/view1']!.shape).toEqual([2, 1, 28]);
    expect(draws['cells/view1']!.shape).toEqual([2, 1, 7]);
    expect(draw({ rectangles: 2 })['cells/view1']!.shape).toEqual([2, 2, 7]);
    expect(draw({ rectangles: 'image' })['cells/view1']!.shape).toEqual([2, 4, 7]);
  });

  it('gives each worker partners among its images, and its part of the rectangles', () => {
    const options = { partner: 'random', rectangles: 'image' } as const;
    const ofRank = (rank: number) =>
      draw(options, 1, hostInfo({ batch: 4, workers: { size: 2, rank, batchNorm: 'local' } }));
    const [first, second] = [ofRank(0), ofRank(1)];
    // One process whose partners stay in blocks of the same size draws the same.
    const alone = draw({ ...options, partnerBlock: 4 }, 1, hostInfo({ batch: 8 }));
    const partners = [...first.partner!.data, ...[...second.partner!.data].map((i) => i + 4)];
    expect(partners).toEqual([...alone.partner!.data]);
    const rectangle = (draws: typeof alone, i: number, n: number) =>
      draws['cells/view1']!.data.slice(7 * (n + i), 7 * (n + i + 1)); // columns
    expect(rectangle(second, 1, 4)).toEqual(rectangle(alone, 5, 8));
  });

  it('draws views independently: one view or two, the first is the same', () => {
    expect(draw({ symmetric: false }, 4)['pixels/view1']).toEqual(draw({}, 4)['pixels/view1']);
    expect(composedViews(resolveRegioncl({ symmetric: false }), hostInfo())).toEqual(['view1']);
  });
});
