import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { clouds, labelled } from '../../test/data.js';
import { fitLogistic } from './logistic.js';
import { sweepLogistic } from './logistic-sweep.js';

describe('sweepLogistic', () => {
  const train = clouds(200, 8, 4, 0.4, 3);

  it('takes the C with the best held-out accuracy (ties: the smaller), and fits again on all rows', async () => {
    const { fit, accuracies } = await sweepLogistic(train, { Cs: [10, 0.001, 0.1] });
    expect(accuracies.map((a) => a.C)).toEqual([0.001, 0.1, 10]);
    const best = Math.max(...accuracies.map((a) => a.accuracy));
    expect(fit.C).toBe(accuracies.find((a) => a.accuracy === best)!.C);
    expect(fit.objective).toBeCloseTo((await fitLogistic(train, { C: fit.C })).objective, 10);
  });

  it('refuses no C, a bad C, and one class', async () => {
    await expect(sweepLogistic(train, { Cs: [] })).rejects.toThrow(/at least one C/);
    await expect(sweepLogistic(train, { Cs: [-1] })).rejects.toThrow(/C must be/);
    await expect(sweepLogistic(labelled([[1], [2]], [0, 0]))).rejects.toMatchObject({ code: 'DATA' });
  });
});
