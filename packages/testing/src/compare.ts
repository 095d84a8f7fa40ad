import type { Fixture, Tolerance } from './fixture.js';

/** How one field of a case came out. */
export interface FieldResult {
  /** Dotted path below `expected`, with indices of arrays of records. */
  readonly field: string;
  /** Largest absolute difference; NaN if the values cannot be compared. */
  readonly difference: number;
  readonly allowed: number;
  /** What is wrong besides a difference: a missing field, another shape, another word. */
  readonly problem?: string;
}

export const isWithin = (result: FieldResult): boolean =>
  result.problem === undefined && result.difference <= result.allowed;

/** Compares what an adapter gave with what its fixture expects, field by field; every tensor is a field of its own. */
export async function compareFixture(
  fixture: Fixture,
  actual: Readonly<Record<string, unknown>>,
): Promise<FieldResult[]> {
  const results: FieldResult[] = [];
  await compareValue([], fixture.expected, actual, fixture.tolerance, results);
  return results;
}

type Nested = number | readonly Nested[];

async function compareValue(
  path: readonly string[],
  expected: unknown,
  actual: unknown,
  tolerance: Tolerance,
  results: FieldResult[],
): Promise<void> {
  const field = path.join('.');
  const fail = (problem: string) => results.push({ field, difference: Number.NaN, allowed: 0, problem });
  const allowed = allowance(path, tolerance);
  if (allowed === undefined) return;
  if (actual === undefined) fail('is missing');
  else if (isRectangular(expected)) {
    const given = await plain(actual);
    if (!isNumeric(given)) fail('is not numeric');
    else if (String(shapeOf(given)) !== String(shapeOf(expected))) {
      fail(`has shape [${shapeOf(given)}], expected [${shapeOf(expected)}]`);
    } else results.push({ field, ...largestDifference(flat(expected), flat(given), allowed) });
  } else if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) fail(`is no list of ${expected.length}`);
    else
      for (const [i, e] of expected.entries())
        await compareValue([...path, String(i)], e, actual[i], tolerance, results);
  } else if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null) fail('is no record');
    else {
      for (const [key, e] of Object.entries(expected)) {
        await compareValue([...path, key], e, (actual as Record<string, unknown>)[key], tolerance, results);
      }
    }
  } else if (expected !== actual) fail(`is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
}

/** `rel` and `abs` of a field; undefined = for information only. */
function allowance(path: readonly string[], tolerance: Tolerance): { rel: number; abs: number } | undefined {
  const own = path[0] === undefined ? undefined : tolerance[path[0]];
  if (typeof own === 'string') return { rel: 0, abs: 0 }; // 'exact integers'
  if (typeof own === 'object' && own !== null) {
    const { atol, atolLevels } = own as { atol?: number; atolLevels?: number };
    return atol === undefined && atolLevels === undefined ? undefined : { rel: 0, abs: atol ?? atolLevels! };
  }
  const named = path.filter((part) => !/^\d+$/.test(part)); // overrides leave list indices out
  const dotted = `${named.join('.')}.`;
  const overrides = Object.entries(tolerance.fields ?? {}).filter(([prefix]) => dotted.startsWith(`${prefix}.`));
  const nearest = overrides.sort(([a], [b]) => b.length - a.length)[0];
  const abs = /grad/i.test(dotted) ? tolerance.absGrad : tolerance.abs;
  return { rel: nearest?.[1] ?? tolerance.rel ?? 0, abs: abs ?? 0 };
}

function largestDifference(
  expected: readonly number[],
  actual: readonly number[],
  { rel, abs }: { rel: number; abs: number },
): { difference: number; allowed: number } {
  let difference = 0;
  let scale = 0;
  for (const [i, e] of expected.entries()) {
    const d = Math.abs(e - actual[i]!);
    if (Number.isNaN(d)) return { difference: Number.NaN, allowed: 0 };
    difference = Math.max(difference, d);
    scale = Math.max(scale, Math.abs(e));
  }
  return { difference, allowed: rel * scale + abs };
}

/** Tensors, host tensors and typed arrays as nested lists, also inside lists. */
async function plain(value: unknown): Promise<unknown> {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Float32Array);
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  if (typeof value !== 'object' || value === null || !('shape' in value)) return value;
  const { shape, data } = value as { shape: readonly number[]; data: unknown };
  const values = typeof data === 'function' ? await (data as () => Promise<Float32Array>).call(value) : data;
  return nest(Array.from(values as Float32Array), shape);
}

function nest(values: readonly number[], shape: readonly number[]): Nested {
  if (shape.length === 0) return values[0]!;
  const [n, ...rest] = shape as [number, ...number[]];
  const size = values.length / n;
  return Array.from({ length: n }, (_, i) => nest(values.slice(i * size, (i + 1) * size), rest));
}

const isNumeric = (value: unknown): value is Nested =>
  typeof value === 'number' || (Array.isArray(value) && value.every(isNumeric));

/** A number or a nested list whose parts have one shape. */
const isRectangular = (value: unknown): value is Nested =>
  typeof value === 'number' ||
  (Array.isArray(value) &&
    value.every(isRectangular) &&
    value.every((part) => String(shapeOf(part)) === String(shapeOf(value[0]!))));

/** Shape of a nested list, read along its first parts; a ragged one shows the lengths that differ. */
function shapeOf(value: Nested): readonly (number | string)[] {
  if (typeof value === 'number') return [];
  const inner = value.map(shapeOf);
  const same = inner.every((shape) => String(shape) === String(inner[0]));
  return [
    value.length,
    ...(inner.length === 0 ? [] : same ? inner[0]! : [`(${inner.map((s) => s.join('×')).join(' | ')})`]),
  ];
}

const flat = (value: Nested): number[] => (typeof value === 'number' ? [value] : value.flatMap(flat));
