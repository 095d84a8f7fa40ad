import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StepInfo } from './plugin.js';
import {
  constantRate,
  cosineRate,
  momentumSchedule,
  type RateOptions,
  rateSchedule,
  type Schedule,
  scaleByRoot,
  scaleLinearly,
  stepRate,
  warmupCosineRate,
  warmupStepRate,
} from './schedule.js';

/** One step an epoch, unless told otherwise. */
const at = (step: number, epochs: number, stepsPerEpoch = 1): StepInfo => ({
  step,
  epoch: Math.floor(step / stepsPerEpoch) + 1,
  epochs,
  stepsPerEpoch,
});
const expectAt = (schedule: Schedule, epochs: number, expected: Record<number, number>) => {
  for (const [step, value] of Object.entries(expected))
    expect(schedule(at(Number(step), epochs))).toBeCloseTo(value, 6);
};

describe('cosineRate', () => {
  it('gives the rates of MoCo, spec "hosts" section 14', () => {
    expectAt(cosineRate(0.03), 200, { 0: 0.03, 1: 0.029998, 100: 0.015, 199: 0.000002 });
  });

  it('gives the rates of FT, which counts from 1 and keeps a floor', () => {
    const schedule = cosineRate(0.03, { minFactor: 0.001, firstEpoch: 1 });
    expectAt(schedule, 200, { 0: 0.029998151, 49: 0.025610995, 99: 0.015015, 149: 0.004419005, 199: 0.00003 });
  });

  it('is constant within an epoch', () => {
    const schedule = cosineRate(1);
    expect(schedule(at(5, 4, 3))).toBe(schedule(at(3, 4, 3)));
    expect(schedule(at(6, 4, 3))).toBeLessThan(schedule(at(5, 4, 3)));
  });
});

describe('warmupCosineRate', () => {
  it('gives the rates of solo-learn and lightly, spec "hosts" section 14', () => {
    expectAt(warmupCosineRate(0.3, { dialect: 'solo' }), 100, {
      0: 0.00003,
      1: 0.03336,
      9: 0.3,
      10: 0.3,
      55: 0.15,
      99: 0.000091,
    });
    expectAt(warmupCosineRate(0.3, { dialect: 'solo', warmupStart: 0.03 }), 100, { 0: 0.03, 1: 0.06, 9: 0.3 });
    expectAt(warmupCosineRate(0.3, { dialect: 'lightly' }), 100, {
      0: 0.03,
      1: 0.06,
      9: 0.3,
      10: 0.3,
      55: 0.147353,
      99: 0,
    });
  });

  it('starts from 0 and reaches the rate at the first step after warm-up with MoCo v3', () => {
    expectAt(warmupCosineRate(0.3), 100, { 0: 0, 5: 0.15, 10: 0.3, 55: 0.15 });
  });

  it('stays in [0, rate] and finite for every length of run, in every dialect', () => {
    const dialect = fc.constantFrom('mocoV3' as const, 'solo' as const, 'lightly' as const);
    const run = fc.tuple(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 30 }),
    );
    fc.assert(
      fc.property(dialect, run, fc.nat(500), (name, [epochs, stepsPerEpoch, warmupEpochs], step) => {
        const rate = warmupCosineRate(0.3, { dialect: name, warmupEpochs })(at(step, epochs, stepsPerEpoch));
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(rate).toBeLessThanOrEqual(0.3 + 1e-12);
      }),
    );
  });
});

describe('stepRate', () => {
  it('lowers the rate from each milestone on', () => {
    expectAt(stepRate(0.03), 200, { 0: 0.03, 119: 0.03, 120: 0.003, 159: 0.003, 160: 0.0003, 199: 0.0003 });
  });
});

describe('warmupStepRate', () => {
  it('warms up over steps and drops before the end of the run, as W-MSE does', () => {
    const schedule = warmupStepRate(0.003);
    expectAt(schedule, 1000, { 0: 6e-6, 499: 0.003, 949: 0.003, 950: 0.0006, 974: 0.0006, 975: 0.00012 });
  });

  it('loses drops during warm-up and before the start, as the official loop does', () => {
    const schedule = warmupStepRate(1, { warmupSteps: 4, drops: [9, 3, 1] });
    expectAt(schedule, 6, { 1: 0.5, 3: 1, 4: 1, 5: 0.2 });
    expectAt(warmupStepRate(1, { warmupSteps: 3, drops: [3] }), 6, { 2: 1, 3: 0.2 });
  });
});

describe('momentumSchedule', () => {
  it('gives the momenta of spec "hosts" section 14', () => {
    expectAt(momentumSchedule(), 100, { 0: 0.99, 50: 0.995, 99: 0.99999753 });
    expectAt(momentumSchedule({ kind: 'cosineLightly' }), 100, { 0: 0.99, 50: 0.99507933, 99: 1 });
    expectAt(momentumSchedule({ kind: 'cosineLightly' }), 1, { 0: 1 }); // the last step has m₁
    expectAt(momentumSchedule({ final: 0.999 }), 100, { 50: 0.9945 });
    expectAt(momentumSchedule({ kind: 'constant', base: 0.999 }), 100, { 0: 0.999, 99: 0.999 });
  });

  it('counts steps, not epochs', () => {
    expect(momentumSchedule()(at(50, 10, 10))).toBeCloseTo(0.995, 9);
  });
});

describe('scaling', () => {
  it('is in proportion to the batch, or to its root', () => {
    expect(scaleLinearly(0.03, 512)).toBeCloseTo(0.06, 12);
    expect(scaleLinearly(0.06, 256, 128)).toBeCloseTo(0.12, 12);
    expect(scaleByRoot(0.075, 256)).toBeCloseTo(1.2, 12);
  });
});

describe('rateSchedule', () => {
  it('makes every schedule from data', () => {
    const pairs: [RateOptions, Schedule][] = [
      [{ kind: 'constant' }, constantRate(0.3)],
      [{ kind: 'cosine', minFactor: 0.1 }, cosineRate(0.3, { minFactor: 0.1 })],
      [{ kind: 'warmupCosine', dialect: 'solo' }, warmupCosineRate(0.3, { dialect: 'solo' })],
      [{ kind: 'steps', milestones: [3] }, stepRate(0.3, { milestones: [3] })],
      [{ kind: 'warmupSteps', warmupSteps: 7 }, warmupStepRate(0.3, { warmupSteps: 7 })],
    ];
    for (const [options, schedule] of pairs) {
      for (const step of [0, 3, 20]) {
        expect(rateSchedule(0.3, options)(at(step, 30, 2))).toBe(schedule(at(step, 30, 2)));
      }
    }
  });

  it('refuses unknown kinds, unknown options and bad values', () => {
    const message = (options: object) => () => rateSchedule(0.3, options as RateOptions);
    expect(message({ kind: 'linear' })).toThrow(/kind must be one of constant, cosine/);
    expect(message({ kind: 'constant', minFactor: 1 })).toThrow(/minFactor is not an option/);
    expect(message({ kind: 'cosine', minFactor: 2, firstEpoch: 3 })).toThrow(
      /minFactor must be .*\n.*firstEpoch must be/,
    );
    expect(message({ kind: 'warmupCosine', warmupEpochs: -1, dialect: 'torch' })).toThrow(/warmupEpochs.*\n.*dialect/);
    expect(message({ kind: 'steps', milestones: [-1], factor: 0 })).toThrow(
      /factor must be .*\n.*milestones must be a list/,
    );
    expect(message({ kind: 'warmupSteps', warmupSteps: 0.5 })).toThrow(/warmupSteps must be an integer/);
    expect(() => momentumSchedule({ base: 1.5 })).toThrow(/base must be between 0 and 1/);
  });
});
