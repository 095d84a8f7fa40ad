import { valueText } from '../evaluation/result.js';
import { type CellRecord, titleOf } from './run-grid.js';
import type { Grid } from './schema.js';
import { type MetricTable, type SummaryRow, summarize } from './summary.js';

/** What all output formats show. */
export interface Results {
  readonly grid: Grid;
  readonly records: readonly CellRecord[];
  readonly tables: readonly MetricTable[];
  /** Sentences that belong to every table. */
  readonly remarks: readonly string[];
}

export function resultsOf(grid: Grid, records: readonly CellRecord[]): Results {
  return { grid, records, tables: summarize(records), remarks: remarksOf(grid, records) };
}

/** Title of a metric's table. */
export const tableTitle = ({ name, metric, data, backbone }: MetricTable): string =>
  `${name}, ${metric}: ${data}, ${backbone}`;

export const TABLE_HEADER = [
  'encoder',
  'mean',
  'sd',
  '95 % interval',
  'seeds',
  'minus host alone',
  '95 % interval',
  'p',
  'p (Holm)',
];

/** The cells of a row as text. */
export function tableCells({ label, summary, difference }: SummaryRow, isShare: boolean): string[] {
  const points = (value: number) => (isShare ? (100 * value).toFixed(2) : valueText(value, false));
  const signed = (value: number) => `${value > 0 ? '+' : ''}${points(value)}`;
  const { mean, std, halfWidth, count } = summary;
  const optional = (value: number | undefined, text: (v: number) => string) =>
    value === undefined ? '–' : text(value);
  const half = difference?.summary.halfWidth;
  return [
    label,
    count === 0 ? '∞' : valueText(mean, isShare),
    optional(std, points),
    optional(halfWidth, (h) => `${points(mean - h)} to ${points(mean + h)}`),
    String(count),
    difference === undefined ? '' : signed(difference.summary.mean),
    difference === undefined
      ? ''
      : optional(half, (h) => `${signed(difference.summary.mean - h)} to ${signed(difference.summary.mean + h)}`),
    difference === undefined ? '' : optional(difference.pValue, probability),
    difference === undefined ? '' : optional(difference.adjusted, probability),
  ];
}

const probability = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(3));

export const COST_HEADER = ['run', 'state', 'time', 'images/s', 'peak memory'];

/** State and cost of every run. */
export const costCells = ({ cell, status, reason, cost }: CellRecord): string[] => [
  titleOf(cell),
  reason === undefined || status === 'done' ? status : `${status}: ${reason}`,
  cost === undefined ? '–' : `${(cost.seconds / 60).toFixed(1)} min`,
  cost === undefined ? '–' : cost.imagesPerSecond.toFixed(0),
  cost === undefined ? '–' : `${cost.peakMemoryMb} MB`,
];

function remarksOf(grid: Grid, records: readonly CellRecord[]): string[] {
  const failed = records.filter((r) => r.status === 'failed').length;
  const pending = records.filter((r) => r.status === 'pending').length;
  const evaluation = records.find((r) => r.evaluation !== undefined)?.evaluation;
  const { seeds } = grid;
  return [
    ...(evaluation === undefined
      ? []
      : [`${evaluation.data.train} training and ${evaluation.data.test} test images; ${evaluation.backend}.`]),
    ...(evaluation?.notes ?? []),
    ...(evaluation === undefined || evaluation.data.test === 0 ? [] : [testNoise(evaluation.data.test)]),
    `Means and Student intervals over the seeds of pretraining (${seeds.join(', ')}). Differences are paired by seed; p is of the two-sided paired t test.`,
    ...(seeds.length < 3
      ? [
          `With ${seeds.length} ${seeds.length === 1 ? 'seed nothing can be tested' : 'seeds only very large differences can be shown'}.`,
        ]
      : []),
    ...(failed + pending > 0
      ? [`${failed} runs failed and ${pending} are missing: the tables are of the others.`]
      : []),
  ];
}

/** The intervals over seeds do not cover which images happened to be tested. */
const testNoise = (n: number): string =>
  `The choice of test images adds up to ± ${(98 / Math.sqrt(n)).toFixed(1)} points to every accuracy (binomial, 95 %), which no number of seeds removes.`;
