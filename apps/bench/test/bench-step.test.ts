import { describe, expect, it } from 'vitest';
import { medianOf } from '../src/commands/bench-step.js';
import { contrastive } from './command.js';

const SMALL = ['--width', '0.125', '--batch', '8', '--image', '16', '--steps', '2', '--json'];
const bench = (...more: string[]) => contrastive('bench:step', ...SMALL, ...more);

describe.concurrent('contrastive bench:step', () => {
  it.each(['compiled', 'eager'])('prints one JSON line with all figures of %s steps', async (mode) => {
    const { code, stdout } = await bench('--host', 'simclr', '--mode', mode);
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as Record<string, number | string>;
    expect(result).toMatchObject({ host: 'simclr', mode, precision: 'f32', steps: 2, batch: 8, image: 16 });
    for (const figure of ['medianMs', 'minMs', 'ops', 'gflopPerSecond', 'peakRssMb']) {
      expect(result[figure]).toBeGreaterThan(0);
    }
    expect(result.medianMs).toBeGreaterThanOrEqual(result.minMs as number);
    expect(result.backend).toContain(mode);
  });

  it('refuses to call eager steps bf16, and no steps at all', async () => {
    const eager = await bench('--precision', 'bf16', '--mode', 'eager');
    expect([eager.code, eager.stdout]).toEqual([2, '']);
    expect(eager.stderr).toContain('bf16 needs compiled steps');
    const none = await bench('--steps', '0');
    expect([none.code, none.stdout]).toEqual([2, '']);
    expect(none.stderr).toContain('--steps is 0');
  });

  it('takes the mean of the two middle times of an even number', () => {
    expect([medianOf([3, 1, 2]), medianOf([4, 1, 3, 2])]).toEqual([2, 2.5]);
  });
});
