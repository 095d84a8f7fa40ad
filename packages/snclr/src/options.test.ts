import { describe, expect, it } from 'vitest';
import { resolveSnclr, SNCLR_DEFAULTS, type SnclrOptions } from './options.js';

describe('resolveSnclr', () => {
  it('defaults to the released form and scale', () => {
    expect(resolveSnclr({})).toEqual(SNCLR_DEFAULTS);
    expect(resolveSnclr({})).toMatchObject({ lossForm: 'code', neighbours: 30, bankSize: 128000, enqueue: 'view2' });
  });

  it.each([
    [{ lossForm: 'log' }, 'lossForm must be one of code, inLog'],
    [{ neighbours: -1 }, 'neighbours must be an integer ≥ 0'],
    [{ bankSize: 0 }, 'bankSize must be an integer ≥ 1'],
    [{ bankSize: 20 }, 'neighbours must be ≤ bankSize (20), but is 30'],
    [{ weighting: 'soft' }, 'weighting must be one of'],
    [{ positiveness: 'dot' }, 'positiveness must be one of cosine, learned'],
    [{ positiveness: 'learned' }, 'positiveness must not be learned with lossForm code'],
    [{ gamma: 0 }, 'gamma must be a number > 0'],
    [{ positivenessTemperature: 0 }, 'positivenessTemperature must be a number > 0'],
    [{ ownWeight: -1 }, 'ownWeight must be a number ≥ 0'],
    [{ threshold: 1 }, 'threshold must be one of true, false'],
    [{ query: 'anchor' }, 'query must be one of key, online'],
    [{ enqueue: 'view3' }, 'enqueue must be one of view2, view1, both'],
    [{ bankWarmup: -1 }, 'bankWarmup must be off, full or an integer ≥ 0, but is -1'],
    [{ term: '' }, 'term must be the name of a loss term'],
    [{ K: 3 }, 'K is not an option'],
  ])('refuses %j', (options, message) => {
    expect(() => resolveSnclr(options as SnclrOptions)).toThrow(message);
  });

  it('takes learned maps where they cannot degenerate', () => {
    expect(resolveSnclr({ positiveness: 'learned', lossForm: 'inLog' }).positiveness).toBe('learned');
    expect(resolveSnclr({ positiveness: 'learned', positivenessGradient: false }).lossForm).toBe('code');
  });
});
