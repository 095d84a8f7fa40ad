import { describe, expect, it } from 'vitest';
import { alphaAt, RECO_DEFAULTS, resolveReco } from './options.js';

describe('alphaAt', () => {
  it.each([
    [1, 4.95],
    [11, 2.91],
    [51, 1.1],
    [101, 0.62],
    [128, 0.5],
    [400, 0.5],
  ])('decreases: epoch %d has %d (spec "reco" 4.5)', (epoch, expected) => {
    expect(alphaAt('decreasing', epoch)).toBe(expected);
  });

  it('is constant otherwise', () => {
    expect(alphaAt(1.5, 300)).toBe(1.5);
  });
});

describe('resolveReco', () => {
  it('has the official code’s defaults', () => {
    expect(resolveReco({})).toEqual(RECO_DEFAULTS);
    expect(RECO_DEFAULTS).toMatchObject({
      lambda1: 1,
      lambda2: 1,
      startEpoch: 0,
      studentTemperature: 0.1,
      teacherTemperature: 0.04,
      alpha: 1,
      mix: 'cutmix',
      bnStatsFromMixed: true,
    });
  });

  it('reports all problems at once', () => {
    expect(() => resolveReco({ lambda1: -1, teacherTemperature: 0 })).toThrow(
      /lambda1 must be a number ≥ 0.*\n.*teacherTemperature must be a number > 0/,
    );
  });
});
