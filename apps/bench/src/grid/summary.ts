import { type MeanInterval, meanInterval, pairedT } from '@contrastive/evaluate';
import type { ResultRow } from '../evaluation/result.js';
import type { CellRecord } from './run-grid.js';

/** A row of a metric's table: one method (or baseline) over all seeds. */
export interface SummaryRow {
  /** `moco`, `moco + reco`, `random initialisation`, … */
  readonly label: string;
  readonly kind: 'host' | 'method' | 'baseline';
  readonly values: readonly { readonly seed: number; readonly value: number }[];
  readonly summary: MeanInterval;
  /** To the same host alone, seed by seed; missing for hosts, baselines, and where no seed is in both. */
  readonly difference?: Difference | undefined;
}

export interface Difference {
  readonly summary: MeanInterval;
  /** Two-sided paired t test; undefined below two common seeds. */
  readonly pValue: number | undefined;
  /** Holm's correction over the methods of this table. */
  readonly adjusted: number | undefined;
}

/** One metric on one data set with one backbone. */
export interface MetricTable {
  readonly data: string;
  readonly backbone: string;
  /** Exact protocol. */
  readonly name: string;
  readonly metric: string;
  readonly isShare: boolean;
  readonly rows: readonly SummaryRow[];
}

interface Measurement {
  readonly table: string;
  readonly label: string;
  readonly kind: SummaryRow['kind'];
  readonly host: string;
  readonly seed: number;
  readonly row: ResultRow;
  readonly record: CellRecord;
}

/** Tables of all metrics, in the order in which they first occur, top-1 first. */
export function summarize(records: readonly CellRecord[]): MetricTable[] {
  const measured = records.flatMap(measurementsOf);
  const tables = grouped(measured, (m) => m.table).map(tableOf);
  const order = (t: MetricTable) => (t.metric === 'top-1' ? 0 : t.isShare ? 1 : 2);
  return tables.sort((a, b) => order(a) - order(b));
}

function measurementsOf(record: CellRecord): Measurement[] {
  const { cell, evaluation } = record;
  return (evaluation?.results ?? []).map((row) => {
    const isTrained = row.encoder === 'trained' && cell.kind === 'method';
    return {
      table: JSON.stringify([cell.data, cell.backbone, row.name, row.metric]),
      label: isTrained
        ? cell.methods === 'none'
          ? cell.host
          : `${cell.host} + ${cell.methods}`
        : baselineName(row.encoder),
      kind: isTrained ? (cell.methods === 'none' ? 'host' : 'method') : 'baseline',
      host: cell.host,
      seed: cell.seed,
      row,
      record,
    };
  });
}

/** The network of a baseline cell was never trained. */
const baselineName = (encoder: string): string => (encoder === 'trained' ? 'random initialisation' : encoder);

function tableOf(measured: readonly Measurement[]): MetricTable {
  const { row, record } = measured[0]!;
  const groups = grouped(measured, (m) => m.label);
  const rows = groups.map((group) => rowOf(group, measured));
  const { data, backbone } = record.cell;
  return { data, backbone, name: row.name, metric: row.metric, isShare: row.isShare, rows: corrected(rows) };
}

function rowOf(group: readonly Measurement[], all: readonly Measurement[]): SummaryRow {
  const { label, kind, host } = group[0]!;
  const values = group
    .map(({ seed, row }) => ({ seed, value: row.value }))
    .filter(({ value }) => Number.isFinite(value));
  const summary = values.length === 0 ? NO_VALUE : spreadOf(values.map((v) => v.value));
  if (kind !== 'method') return { label, kind, values, summary };
  const alone = new Map(all.filter((m) => m.kind === 'host' && m.host === host).map((m) => [m.seed, m.row.value]));
  const pairs = values.filter(({ seed }) => Number.isFinite(alone.get(seed)));
  if (pairs.length === 0) return { label, kind, values, summary };
  const [ours, theirs] = [pairs.map((p) => p.value), pairs.map((p) => alone.get(p.seed)!)];
  const difference: Difference =
    pairs.length === 1
      ? { summary: meanInterval([ours[0]! - theirs[0]!]), pValue: undefined, adjusted: undefined }
      : tested(ours, theirs);
  return { label, kind, values, summary, difference };
}

/** Of a metric that is infinite for every seed. */
const NO_VALUE: MeanInterval = { mean: Number.NaN, std: undefined, halfWidth: undefined, count: 0 };

/** Values that agree to the last digit come from counting few test images: they have no interval, rather than one of width 0. */
function spreadOf(values: readonly number[]): MeanInterval {
  const summary = meanInterval(values);
  return summary.std !== undefined && summary.std <= SAME ? { ...summary, halfWidth: undefined } : summary;
}

/**
 * Differences that agree to the last digit come from counting few test images, not from certainty: no spread can be estimated from
 * them, so they have neither interval nor test.
 */
function tested(ours: readonly number[], theirs: readonly number[]): Difference {
  const { difference, pValue } = pairedT(ours, theirs);
  if (difference.std! > SAME) return { summary: difference, pValue, adjusted: pValue };
  return { summary: { ...difference, halfWidth: undefined }, pValue: undefined, adjusted: undefined };
}

/** Below any difference that counts of images can make; above rounding. */
const SAME = 1e-9;

/** Holm 1979: the i-th smallest of m p-values times m − i + 1, never falling, at most 1. */
function corrected(rows: readonly SummaryRow[]): SummaryRow[] {
  const tests = rows
    .flatMap(({ label, difference }) => (difference?.pValue === undefined ? [] : [{ label, p: difference.pValue }]))
    .sort((a, b) => a.p - b.p);
  const adjusted = new Map<string, number>();
  let largest = 0;
  for (const [i, { label, p }] of tests.entries()) {
    largest = Math.max(largest, Math.min(1, p * (tests.length - i)));
    adjusted.set(label, largest);
  }
  return rows.map((row) =>
    row.difference === undefined
      ? row
      : { ...row, difference: { ...row.difference, adjusted: adjusted.get(row.label) } },
  );
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
