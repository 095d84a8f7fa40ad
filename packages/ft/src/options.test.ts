import { describe, expect, it } from 'vitest';
import { FT_DEFAULTS, type FtOptions, resolveFt } from './options.js';

const refuse = (options: unknown) => () => resolveFt(options as FtOptions);

describe('resolveFt', () => {
  it('defaults to the published command', () => {
    expect(resolveFt({})).toEqual(FT_DEFAULTS);
    expect(resolveFt({})).toMatchObject({
      target: 'posneg',
      alphaEx: 2,
      alphaIn: 1.6,
      startEpoch: 0,
      terms: ['global'],
    });
    expect(resolveFt({ alphaEx: undefined } as object).alphaEx).toBe(2);
  });

  it('reports every wrong option at once', () => {
    expect(refuse({ alphaEx: 0, alphaIn: -1, target: 'none', startEpoch: 1.5 })).toThrow(
      /target must be one of pos, neg, posneg, but is none[\s\S]*alphaEx must be a number > 0, but is 0[\s\S]*alphaIn[\s\S]*startEpoch must be an integer ≥ 0/,
    );
  });

  it.each([
    [{ lambdaEx: 0.5 }, "[ft] lambdaEx must be 'beta', 'uniform' or between 1 and 2, but is 0.5."],
    [{ positiveMode: 'interpolate', lambdaEx: 1.5 }, 'between 0 and 1, but is 1.5'],
    [{ lambdaIn: 2 }, 'lambdaIn must be'],
    [{ positiveMode: 'push' }, 'positiveMode must be one of extrapolate, interpolate'],
    [{ positiveGranularity: 'batch' }, 'positiveGranularity must be one of step, row, dim, element'],
    [{ negativeGranularity: 'batch' }, 'negativeGranularity must be one of'],
    [{ move: 'none' }, 'move must be one of both, anchor, positive'],
    [{ detachPositive: 1 }, 'detachPositive must be one of true, false'],
    [{ negativesScoredWith: 'query' }, 'negativesScoredWith must be one of moved, original'],
    [{ negativeMode: 'add' }, 'negativeMode must be one of replace, append'],
    [{ postNorm: 'on' }, 'postNorm must be one of auto, off, pos, neg, all'],
    [{ startEpoch: 3, endEpoch: 3 }, "endEpoch must be 'last' or an integer > startEpoch (3), but is 3"],
    [{ terms: [] }, "terms must be a list of at least one term's name"],
    [{ terms: 'global' }, 'terms must be a list'],
    [{ alphaX: 1 }, 'alphaX is not an option; did you mean alphaEx?'],
  ])('refuses %j', (options, message) => {
    expect(refuse(options)).toThrow(message);
  });
});
