import type { Run } from './run-reader.js';

/** Name of a part given as `moco` or `{ name: 'moco', … }`. */
const nameOf = (part: unknown): string | undefined => {
  if (typeof part === 'string') return part;
  const name = (part as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' ? name : undefined;
};

/** `moco + reco + ft`: host and methods, as configured. */
export function partsOf({ config }: Pick<Run, 'config'>): string {
  const methods = Array.isArray(config?.methods) ? config.methods.map(nameOf) : [];
  const names = [nameOf(config?.host), ...methods].filter((name) => name !== undefined);
  return names.length === 0 ? 'unknown' : names.join(' + ');
}

/** Last value of a metric. */
export const lastOf = (run: Run, metric: string): number | undefined => run.metrics.get(metric)?.last?.values[0];

export const isEdited = ({ config }: Run): boolean => Array.isArray(config?.methods) && config.methods.length > 0;

/** Four significant digits, or a dash. */
export function shortNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** Ranges that runs are recorded with: cosines, and scores that extrapolation may have moved beyond them. */
export function rangeOf(array: string): readonly [number, number] | undefined {
  if (!array.endsWith('Histogram')) return undefined;
  return array.includes('/raw/') ? [-1, 1] : [-4, 4];
}
