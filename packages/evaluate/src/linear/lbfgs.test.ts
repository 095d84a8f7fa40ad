import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lbfgs, type Objective } from './lbfgs.js';

const rosenbrock: Objective = (x, g) => {
  const [a, b] = [x[0]!, x[1]!];
  g[0] = -2 * (1 - a) - 400 * a * (b - a * a);
  g[1] = 200 * (b - a * a);
  return (1 - a) ** 2 + 100 * (b - a * a) ** 2;
};

describe('lbfgs', () => {
  it('walks the curved valley of Rosenbrock to (1, 1)', async () => {
    const found = await lbfgs(rosenbrock, Float64Array.of(-1.2, 1), { tolerance: 1e-8 });
    expect(found.stop).toBe('converged');
    expect(found.x[0]).toBeCloseTo(1, 6);
    expect(found.x[1]).toBeCloseTo(1, 6);
    expect(found.iterations).toBeLessThan(60);
  });

  it('solves convex quadratics of any conditioning up to 1e6', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 12, maxLength: 12 }),
        async (exponents, centre) => {
          const scales = exponents.map((e) => 10 ** e);
          const quadratic: Objective = (x, g) => {
            let value = 0;
            scales.forEach((s, i) => {
              g[i] = s * (x[i]! - centre[i]!);
              value += (s / 2) * (x[i]! - centre[i]!) ** 2;
            });
            return value;
          };
          const found = await lbfgs(quadratic, new Float64Array(scales.length), { tolerance: 1e-7 });
          expect(found.stop).toBe('converged');
        },
      ),
      { numRuns: 50 },
    );
  });

  it('survives an objective that is infinite beyond a wall', async () => {
    const wall: Objective = (x, g) => {
      g[0] = x[0]! < 2 ? 1 / (2 - x[0]!) - 3 : Number.NaN;
      return x[0]! < 2 ? -Math.log(2 - x[0]!) - 3 * x[0]! : Number.POSITIVE_INFINITY;
    };
    expect((await lbfgs(wall, Float64Array.of(-50), { tolerance: 1e-9 })).x[0]).toBeCloseTo(5 / 3, 8);
  });

  it('leaves the start alone, and says when the limit of iterations came first', async () => {
    const start = Float64Array.of(-1.2, 1);
    const found = await lbfgs(rosenbrock, start, { maxIterations: 3 });
    expect(found).toMatchObject({ stop: 'iterations', iterations: 3 });
    expect([...start]).toEqual([-1.2, 1]);
  });

  it('says that it stalled where the gradient is wrong', async () => {
    const wrong: Objective = (x, g) => {
      g[0] = -1;
      return x[0]!;
    };
    expect((await lbfgs(wrong, Float64Array.of(0))).stop).toBe('stalled');
  });

  it('refuses bad options', async () => {
    await expect(lbfgs(rosenbrock, Float64Array.of(0, 0), { memory: 0 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
    await expect(lbfgs(rosenbrock, Float64Array.of(0, 0), { tolerance: -1 })).rejects.toThrow(/tolerance/);
  });
});
