import { describe, expect, it } from 'vitest';
import { FINE_TUNE_RECIPES, type FineTuneRecipe, SEMI_SUPERVISED } from './recipes.js';

const settings = ({ epochs, batchSize, learningRate, headFactor }: FineTuneRecipe) => ({
  epochs,
  batchSize,
  encoder: learningRate,
  head: learningRate * headFactor,
});

describe('SEMI_SUPERVISED', () => {
  it('searches the published grid and its light form', () => {
    expect(SEMI_SUPERVISED.openSelfSup.grid).toHaveLength(9);
    expect(SEMI_SUPERVISED.openSelfSup.grid).toContainEqual({ learningRate: 0.1, headFactor: 100 });
    expect(SEMI_SUPERVISED.light.grid).toHaveLength(4);
    expect(SEMI_SUPERVISED.light.grid).toContainEqual({ learningRate: 0.001, headFactor: 100 });
  });

  it('has the settings of each share where the papers change them', () => {
    expect(settings(SEMI_SUPERVISED.simclr.onePercent)).toMatchObject({ epochs: 60, batchSize: 4096 });
    expect(settings(SEMI_SUPERVISED.simclr.tenPercent)).toMatchObject({ epochs: 30, batchSize: 4096 });
    expect(settings(SEMI_SUPERVISED.swav.onePercent)).toEqual({ epochs: 20, batchSize: 256, encoder: 0.02, head: 5 });
    expect(settings(SEMI_SUPERVISED.swav.tenPercent)).toEqual({ epochs: 20, batchSize: 256, encoder: 0.01, head: 0.2 });
  });

  it('multiplies the rate by 0.2 after epochs 12 and 16 (OpenSelfSup), by 0.1 after 30 (VISSL)', () => {
    const at = ({ schedule }: FineTuneRecipe, epoch: number, epochs: number) =>
      schedule(1)({ step: 10 * (epoch - 1), epoch, epochs, stepsPerEpoch: 10 });
    const rates = [12, 13, 16, 17].map((epoch) => at(SEMI_SUPERVISED.openSelfSup.onePercent, epoch, 20));
    for (const [i, rate] of [1, 0.2, 0.2, 0.04].entries()) expect(rates[i]).toBeCloseTo(rate, 12);
    expect(at(SEMI_SUPERVISED.vissl.onePercent, 30, 70)).toBe(1);
    expect(at(SEMI_SUPERVISED.vissl.onePercent, 31, 70)).toBeCloseTo(0.1, 12);
  });
});

describe('FINE_TUNE_RECIPES', () => {
  it('warms transformers up for 5 epochs, then falls to 1e-5 or 0', () => {
    const rateAt = ({ schedule, epochs, learningRate }: FineTuneRecipe, done: number) =>
      schedule(learningRate)({ step: 10 * done, epoch: Math.floor(done) + 1, epochs, stepsPerEpoch: 10 });
    const { vitMocoV3, vitMae } = FINE_TUNE_RECIPES;
    expect(rateAt(vitMocoV3, 0)).toBeCloseTo(1e-5, 10);
    expect(rateAt(vitMocoV3, 5)).toBeCloseTo(5e-4, 10);
    expect(rateAt(vitMocoV3, 150)).toBeCloseTo(1e-5, 10);
    expect(rateAt(vitMae, 100)).toBeCloseTo(0, 10);
    expect([vitMocoV3.clipNorm, vitMae.layerDecay]).toEqual([5, 0.65]);
  });
});
