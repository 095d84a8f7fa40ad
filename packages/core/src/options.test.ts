import { describe, expect, it } from 'vitest';
import { integerAtLeast, nearest, nonNegative, oneOf, positive, resolveOptions, within } from './options.js';

const DEFAULTS = { rate: 0.1, count: 3, mode: 'fast' as 'fast' | 'exact' };

describe('resolveOptions', () => {
  it('fills in defaults, takes undefined as the default, and freezes the result', () => {
    const o = resolveOptions('demo', DEFAULTS, { rate: 0.5, count: undefined });
    expect(o).toEqual({ rate: 0.5, count: 3, mode: 'fast' });
    expect(Object.isFrozen(o)).toBe(true);
    expect(DEFAULTS.rate).toBe(0.1);
  });

  it('refuses unknown names and suggests the nearest', () => {
    const resolve = (given: object) => () => resolveOptions('demo', DEFAULTS, given);
    expect(resolve({ rat: 1 })).toThrow('[demo] rat is not an option; did you mean rate?');
    expect(resolve({ zzzzz: 1 })).toThrow('[demo] zzzzz is not an option; there are rate, count, mode.');
    expect(resolve({ rat: 1 })).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  });

  it('reports all problems together', () => {
    const resolve = () =>
      resolveOptions('demo', DEFAULTS, { rate: -1, count: 0.5, mode: 'slow' as 'fast' }, (o) => [
        ...positive(o, 'rate'),
        ...integerAtLeast(1, o, 'count'),
        ...oneOf(o, 'mode', ['fast', 'exact']),
      ]);
    expect(resolve).toThrow(
      [
        '[demo] rate must be a number > 0, but is -1.',
        '[demo] count must be an integer ≥ 1, but is 0.5.',
        '[demo] mode must be one of fast, exact, but is slow.',
      ].join('\n'),
    );
  });

  it('checks values only once all names are known', () => {
    expect(() => resolveOptions('demo', DEFAULTS, { rat: 1, rate: -1 } as object, (o) => positive(o, 'rate'))).toThrow(
      /^\[demo\] rat is not an option; did you mean rate\?$/,
    );
  });
});

describe('rules', () => {
  const wrong = (issues: readonly unknown[]) => issues.length > 0;
  it.each([
    [1, false, false],
    [0, true, false],
    [-1, true, true],
    [Number.NaN, true, true],
    [Number.POSITIVE_INFINITY, true, true],
  ])('positive and nonNegative judge %s', (x, isNotPositive, isNegative) => {
    expect(wrong(positive({ x }, 'x'))).toBe(isNotPositive);
    expect(wrong(nonNegative({ x }, 'x'))).toBe(isNegative);
  });

  it('within includes its bounds, integerAtLeast wants integers', () => {
    expect(wrong(within(0, 1, { x: 0, y: 1 }, 'x', 'y'))).toBe(false);
    expect(within(0, 1, { x: 1.01 }, 'x')).toEqual([{ option: 'x', problem: 'must be between 0 and 1, but is 1.01' }]);
    expect(wrong(within(0, 1, { x: Number.NaN }, 'x'))).toBe(true);
    expect(wrong(integerAtLeast(2, { x: 2 }, 'x'))).toBe(false);
    expect(wrong(integerAtLeast(2, { x: 1 }, 'x'))).toBe(true);
    expect(wrong(integerAtLeast(2, { x: 2.5 }, 'x'))).toBe(true);
  });

  it('do not take text for a number', () => {
    expect(wrong(positive({ x: '1' as unknown as number }, 'x'))).toBe(true);
  });
});

describe('nearest', () => {
  it('finds small slips and nothing far away', () => {
    expect(nearest('tempreature', ['temperature', 'momentum'])).toBe('temperature');
    expect(nearest('QueueSize', ['queueSize'])).toBe('queueSize');
    expect(nearest('zebra', ['temperature'])).toBeUndefined();
    expect(nearest('a', [])).toBeUndefined();
  });
});
