import { SslError } from './errors.js';

/** What a run records: plain JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };
export type JsonObject = { readonly [key: string]: Json | undefined };

/** One problem with one option. */
export interface OptionIssue {
  readonly option: string;
  /** What must hold and what was given, as a clause: "must be > 0, but is −1". */
  readonly problem: string;
}

/**
 * Options with their defaults filled in, checked and frozen. `undefined` means the default; an unknown name is an error that
 * suggests the nearest; all problems are reported together.
 *
 * @param owner who is speaking, for messages, for example `ft`.
 * @param check further rules over the resolved values.
 * @throws SslError `BAD_OPTION`.
 */
export function resolveOptions<T extends object>(
  owner: string,
  defaults: Readonly<T>,
  given: { readonly [K in keyof T]?: T[K] | undefined },
  check: (resolved: Readonly<T>) => readonly OptionIssue[] = () => [],
): Readonly<T> {
  const names = Object.keys(defaults);
  const issues: OptionIssue[] = [];
  const resolved = { ...defaults } as Record<string, unknown>;
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name)) {
      const near = nearest(name, names);
      issues.push({
        option: name,
        problem: `is not an option${near === undefined ? `; there are ${names.join(', ')}` : `; did you mean ${near}?`}`,
      });
    } else if (value !== undefined) resolved[name] = value;
  }
  if (issues.length === 0) issues.push(...check(resolved as T));
  if (issues.length > 0) {
    throw new SslError('BAD_OPTION', issues.map((i) => sentence(owner, i)).join('\n'));
  }
  return Object.freeze(resolved) as Readonly<T>;
}

const sentence = (owner: string, { option, problem }: OptionIssue) =>
  `[${owner}] ${option} ${problem}${problem.endsWith('?') ? '' : '.'}`;

/** The candidate with the smallest edit distance to `word`, if it is at most a third of the word away. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}

type NumberOption<T> = { [K in keyof T]: T[K] extends number ? K : never }[keyof T] & string;

const numeric =
  <T extends object>(holds: (value: number) => boolean, rule: string) =>
  (options: T, ...names: readonly NumberOption<T>[]): OptionIssue[] =>
    names
      .filter((name) => !(typeof options[name] === 'number' && holds(options[name] as number)))
      .map((option) => ({ option, problem: `must be ${rule}, but is ${String(options[option])}` }));

/** Rules for {@link resolveOptions}: each returns the issues of the named options. */
export const positive = <T extends object>(options: T, ...names: readonly NumberOption<T>[]): OptionIssue[] =>
  numeric<T>((v) => Number.isFinite(v) && v > 0, 'a number > 0')(options, ...names);
export const nonNegative = <T extends object>(options: T, ...names: readonly NumberOption<T>[]): OptionIssue[] =>
  numeric<T>((v) => Number.isFinite(v) && v >= 0, 'a number ≥ 0')(options, ...names);
export const integerAtLeast = <T extends object>(
  low: number,
  options: T,
  ...names: readonly NumberOption<T>[]
): OptionIssue[] => numeric<T>((v) => Number.isSafeInteger(v) && v >= low, `an integer ≥ ${low}`)(options, ...names);
export const within = <T extends object>(
  low: number,
  high: number,
  options: T,
  ...names: readonly NumberOption<T>[]
): OptionIssue[] => numeric<T>((v) => v >= low && v <= high, `between ${low} and ${high}`)(options, ...names);
export function oneOf<T extends object, K extends keyof T & string>(
  options: T,
  name: K,
  values: readonly T[K][],
): OptionIssue[] {
  return values.includes(options[name])
    ? []
    : [{ option: name, problem: `must be one of ${values.join(', ')}, but is ${String(options[name])}` }];
}
