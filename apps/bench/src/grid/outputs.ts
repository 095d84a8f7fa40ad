import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.js';
import { textTable } from '../table.js';
import { htmlOf } from './html.js';
import { COST_HEADER, costCells, type Results, TABLE_HEADER, tableCells, tableTitle } from './tables.js';

/** Writes `results.md`, `results.csv`, `results.json` and `results.html`, each whole or not at all. @throws SslError `IO`. */
export function writeResults(out: string, results: Results): void {
  mkdirSync(out, { recursive: true });
  writeFileAtomic(join(out, 'results.md'), markdownOf(results));
  writeFileAtomic(join(out, 'results.csv'), csvOf(results));
  writeFileAtomic(join(out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  writeFileAtomic(join(out, 'results.html'), htmlOf(results));
}

export function markdownOf({ grid, tables, records, remarks }: Results): string {
  const sections = tables.map(
    (table) =>
      `## ${escapeMarkdown(tableTitle(table))}\n\n${markdownTable(
        TABLE_HEADER,
        table.rows.map((row) => tableCells(row, table.isShare)),
      )}`,
  );
  const costs = `## Runs\n\n${markdownTable(COST_HEADER, records.map(costCells))}`;
  const head = [`# ${escapeMarkdown(grid.name)}`, ...(grid.about === '' ? [] : [grid.about.trim()])];
  return `${[...head, remarks.join('\n'), ...sections, costs].join('\n\n')}\n`;
}

const escapeMarkdown = (text: string): string => text.replace(/([\\|*_<>`])/g, '\\$1').replace(/\n/g, ' ');

const markdownTable = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map((_, i) => (i === 0 ? '---' : '---:')), ...rows.map((row) => row.map(escapeMarkdown))]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

const CSV_HEADER = [
  'data',
  'backbone',
  'host',
  'methods',
  'kind',
  'seed',
  'encoder',
  'protocol',
  'metric',
  'value',
  'low',
  'high',
  'n',
];

/** One line a number and seed, for other programs. */
export function csvOf({ records }: Results): string {
  const lines = records.flatMap(({ cell, evaluation }) =>
    (evaluation?.results ?? []).map((r) => [
      ...[
        cell.data,
        cell.backbone,
        cell.host,
        cell.methods,
        cell.kind,
        cell.seed,
        r.encoder,
        r.name,
        r.metric,
        r.value,
      ],
      ...[r.interval?.[0] ?? '', r.interval?.[1] ?? '', r.n ?? ''],
    ]),
  );
  return `${[CSV_HEADER, ...lines].map((line) => line.map(csvField).join(',')).join('\n')}\n`;
}

/** Quoted where it must be; what a spreadsheet would take for a formula is made text. */
function csvField(value: string | number): string {
  const raw = String(value);
  const text = typeof value === 'string' && /^[=+\-@\t]/.test(raw) ? `'${raw}` : raw;
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Metrics that are shown in a terminal. */
const MAIN: ReadonlySet<string> = new Set(['top-1', 'mAP']);

/** The main tables for a terminal; all are in the files. */
export function terminalText({ tables, records, remarks }: Results): string {
  const sections = tables
    .filter(({ metric }) => MAIN.has(metric))
    .map(
      (table) =>
        `${tableTitle(table)}\n${textTable(
          TABLE_HEADER,
          table.rows.map((row) => tableCells(row, table.isShare)),
        )}`,
    );
  const open = records.filter((r) => r.status !== 'done');
  const costs = open.length === 0 ? [] : [textTable(COST_HEADER, open.map(costCells))];
  return [...sections, ...costs, remarks.join('\n')].join('\n\n');
}
