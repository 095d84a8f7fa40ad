import type { Objective } from './lbfgs.js';

/** A point with the objective's value and gradient there. */
export interface Point {
  readonly x: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
}

/** A trial along the line: step length, and the slope there. */
interface Trial extends Point {
  readonly length: number;
  readonly slope: number;
}

/** Sufficient decrease, curvature (Nocedal and Wright: the usual pair for quasi-Newton). */
const C1 = 1e-4;
const C2 = 0.9;
const MAX_TRIALS = 25;
/** Differences of values below this share of the value are taken for rounding (sums over thousands of rows), and slopes decide. */
const ROUNDING = 1e-12;

/**
 * A point along `x + length·direction` with the strong Wolfe conditions: value ≤ value₀ + C1·length·slope₀ and |slope| ≤ C2·|slope₀|
 * (Nocedal and Wright 2006, algorithms 3.5 and 3.6, cubic interpolation). Near the optimum values differ by less than
 * their rounding; there a decrease of the slope is accepted in place of a decrease of the value.
 *
 * @returns `point` undefined if the direction does not go down or no trial will do.
 */
export async function searchLine(
  objective: Objective,
  from: Point,
  direction: Float64Array,
  firstLength: number,
): Promise<{ point: Point | undefined; evaluations: number }> {
  const start: Trial = { ...from, length: 0, slope: slopeOf(from.gradient, direction) };
  if (!(start.slope < 0)) return { point: undefined, evaluations: 0 };
  let evaluations = 0;
  const tryLength = async (length: number): Promise<Trial> => {
    const x = from.x.map((v, i) => v + length * direction[i]!);
    const gradient = new Float64Array(x.length);
    const value = await objective(x, gradient);
    evaluations++;
    return { x, value, gradient, length, slope: slopeOf(gradient, direction) };
  };
  const rounding = ROUNDING * Math.abs(start.value);
  const tooHigh = (t: Trial) => !(t.value <= start.value + C1 * t.length * start.slope + rounding);
  const flat = (t: Trial) => Math.abs(t.slope) <= -C2 * start.slope;

  let low = start;
  let high: Trial | undefined;
  let length = firstLength;
  while (evaluations < MAX_TRIALS) {
    const trial = await tryLength(length);
    if (tooHigh(trial) || (low !== start && trial.value > low.value + rounding)) high = trial;
    else if (flat(trial)) return { point: trial, evaluations };
    else {
      // Keep the bracket: the slope at `low` always points towards `high`.
      if (high === undefined ? trial.slope >= 0 : trial.slope * (high.length - low.length) >= 0) high = low;
      low = trial;
    }
    if (high === undefined) length = Math.min(10 * trial.length, Math.max(2 * trial.length, secant(low, start)));
    else length = interpolate(low, high);
    if (high !== undefined && Math.abs(high.length - low.length) <= 1e-14 * Math.max(low.length, high.length)) break;
  }
  // No perfect point, but a lower one is progress.
  return { point: low !== start && low.value < start.value ? low : undefined, evaluations };
}

/** Where the slope would reach 0 if it went on changing as it did. */
const secant = (now: Trial, before: Trial): number => {
  const change = now.slope - before.slope;
  return change > 0 ? now.length - (now.slope * (now.length - before.length)) / change : Number.POSITIVE_INFINITY;
};

/** Minimum of the cubic through both ends, kept off the ends by a tenth of the bracket. */
function interpolate(a: Trial, b: Trial): number {
  const width = b.length - a.length;
  const d1 = a.slope + b.slope - (3 * (a.value - b.value)) / (a.length - b.length);
  const square = d1 * d1 - a.slope * b.slope;
  const d2 = Math.sign(width) * Math.sqrt(Math.max(0, square));
  const length = b.length - width * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
  const margin = 0.1 * Math.abs(width);
  const left = Math.min(a.length, b.length) + margin;
  const right = Math.max(a.length, b.length) - margin;
  return Number.isFinite(length) && square >= 0 ? Math.min(right, Math.max(left, length)) : a.length + width / 2;
}

function slopeOf(gradient: Float64Array, direction: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * direction[i]!;
  return sum;
}
