import { integerAtLeast, nonNegative, resolveOptions } from '@contrastive/core';
import { searchLine } from './line-search.js';

/** A smooth function: returns its value at `x` and writes its gradient. It may be asynchronous (products on a device). */
export type Objective = (x: Float64Array, gradient: Float64Array) => number | Promise<number>;

export interface LbfgsOptions {
  /** Pairs of (step, gradient change) kept, ≥ 1. Default 10 (scikit-learn). */
  readonly memory?: number;
  /** Default 1000. */
  readonly maxIterations?: number;
  /** Stops when {@link LbfgsOptions.gradientSize} is at most this. ≥ 0. Default 1e-4. */
  readonly tolerance?: number;
  /** Size of a gradient; default its largest absolute entry. */
  readonly gradientSize?: (gradient: Float64Array) => number;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  readonly iterations: number;
  /** Calls of the objective. */
  readonly evaluations: number;
  readonly gradientSize: number;
  /**
   * `converged`: the gradient is small enough. `iterations`: the limit was hit. `stalled`: no step along the search direction or
   * the gradient lowers the value any more, which is the rounding of the objective.
   */
  readonly stop: 'converged' | 'iterations' | 'stalled';
}

export const LBFGS_DEFAULTS: Required<LbfgsOptions> = {
  memory: 10,
  maxIterations: 1000,
  tolerance: 1e-4,
  gradientSize: (gradient) => gradient.reduce((largest, g) => Math.max(largest, Math.abs(g)), 0),
};

/**
 * Limited-memory BFGS with a strong Wolfe line search, in float64 (Nocedal and Wright 2006, algorithms 7.4 and 7.5).
 * Deterministic: no random numbers, and the same steps on every run.
 *
 * @param start not changed. @throws SslError `BAD_OPTION`.
 */
export async function lbfgs(objective: Objective, start: Float64Array, options: LbfgsOptions = {}): Promise<Minimum> {
  const o = resolveOptions<Required<LbfgsOptions>>('lbfgs', LBFGS_DEFAULTS, options, (r) => [
    ...integerAtLeast(1, r, 'memory', 'maxIterations'),
    ...nonNegative(r, 'tolerance'),
  ]);
  let x: Float64Array = start.slice();
  let gradient: Float64Array = new Float64Array(x.length);
  let value = await objective(x, gradient);
  let evaluations = 1;
  let pairs: Pair[] = [];
  for (let iteration = 0; ; iteration++) {
    const gradientSize = o.gradientSize(gradient);
    const result = { x, value, iterations: iteration, evaluations, gradientSize };
    if (gradientSize <= o.tolerance) return { ...result, stop: 'converged' };
    if (iteration >= o.maxIterations) return { ...result, stop: 'iterations' };
    let found = await searchLine(
      objective,
      { x, value, gradient },
      direction(gradient, pairs),
      firstStep(gradient, pairs),
    );
    evaluations += found.evaluations;
    if (found.point === undefined && pairs.length > 0) {
      // Stale curvature: forget it and try plain descent once before giving up.
      pairs = [];
      found = await searchLine(
        objective,
        { x, value, gradient },
        direction(gradient, pairs),
        firstStep(gradient, pairs),
      );
      evaluations += found.evaluations;
    }
    if (found.point === undefined) return { ...result, evaluations, stop: 'stalled' };
    const pair = toPair(x, found.point.x, gradient, found.point.gradient);
    if (pair !== undefined) pairs = [...pairs, pair].slice(-o.memory);
    ({ x, value, gradient } = found.point);
  }
}

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly rho: number;
}

function toPair(x0: Float64Array, x1: Float64Array, g0: Float64Array, g1: Float64Array): Pair | undefined {
  const step = x1.map((v, i) => v - x0[i]!);
  const change = g1.map((v, i) => v - g0[i]!);
  const curvature = dot(step, change);
  return curvature > 1e-16 * dot(change, change) ? { step, change, rho: 1 / curvature } : undefined;
}

/** −H·gradient by the two-loop recursion. */
function direction(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const q = gradient.slice();
  const alphas = new Float64Array(pairs.length);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { step, change, rho } = pairs[i]!;
    alphas[i] = rho * dot(step, q);
    addScaled(q, change, -alphas[i]!);
  }
  const last = pairs.at(-1);
  const scale = last === undefined ? 1 : 1 / (last.rho * dot(last.change, last.change));
  for (let i = 0; i < q.length; i++) q[i]! *= scale;
  pairs.forEach(({ step, change, rho }, i) => {
    addScaled(q, step, alphas[i]! - rho * dot(change, q));
  });
  for (let i = 0; i < q.length; i++) q[i] = -q[i]!;
  return q;
}

/** 1 once there is curvature; before, a step of unit length at most. */
const firstStep = (gradient: Float64Array, pairs: readonly Pair[]): number =>
  pairs.length > 0 ? 1 : Math.min(1, 1 / Math.sqrt(dot(gradient, gradient)));

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(target: Float64Array, source: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * source[i]!;
}
