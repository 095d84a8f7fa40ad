import type { MetricTable, SummaryRow } from './summary.js';
import { COST_HEADER, costCells, type Results, TABLE_HEADER, tableCells, tableTitle } from './tables.js';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0 0 2rem; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { padding: .25rem .75rem; text-align: right; white-space: nowrap; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
th:first-child, td:first-child { text-align: left; }
svg { vertical-align: middle; }
`;

/** All tables as one page that needs no network and no script, with every row's interval drawn. */
export function htmlOf({ grid, tables, records, remarks }: Results): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(grid.name)}</title>
<style>${STYLE}</style>
<main>
<h1>${escapeHtml(grid.name)}</h1>
${grid.about === '' ? '' : `<p>${escapeHtml(grid.about)}</p>`}
<ul>${remarks.map((remark) => `<li>${escapeHtml(remark)}</li>`).join('')}</ul>
${tables.map(metricTable).join('\n')}
${htmlTable(
  'Runs',
  COST_HEADER,
  records.map((record) => costCells(record).map(escapeHtml)),
)}
</main>
</html>
`;
}

function metricTable(table: MetricTable): string {
  const range = rangeOf(table.rows);
  const header = [...TABLE_HEADER, 'mean and interval'];
  const rows = table.rows.map((row) => [...tableCells(row, table.isShare).map(escapeHtml), drawing(row, range)]);
  return htmlTable(tableTitle(table), header, rows);
}

/** @param rows cells as HTML. */
function htmlTable(caption: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = header.map((title) => `<th scope="col">${escapeHtml(title)}</th>`).join('');
  const body = rows
    .map(
      ([first, ...rest]) => `<tr><th scope="row">${first}</th>${rest.map((cell) => `<td>${cell}</td>`).join('')}</tr>`,
    )
    .join('\n');
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table>
<caption>${escapeHtml(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>${body}</tbody>
</table></div>`;
}

type Range = readonly [low: number, high: number];
const ends = ({ summary: { mean, halfWidth = 0 } }: SummaryRow): Range => [mean - halfWidth, mean + halfWidth];

/** From the lowest to the highest mean with half as much on either side; longer intervals are cut. */
function rangeOf(rows: readonly SummaryRow[]): Range {
  const means = rows.map((row) => row.summary.mean).filter(Number.isFinite);
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const margin = (high - low || Math.abs(high) || 1) / 2;
  return [low - margin, high + margin];
}

const WIDTH = 160;

function drawing(row: SummaryRow, [low, high]: Range): string {
  if (!Number.isFinite(row.summary.mean)) return '';
  const x = (value: number) => (WIDTH * Math.min(1, Math.max(0, (value - low) / (high - low)))).toFixed(1);
  const [from, to] = ends(row);
  return `<svg width="${WIDTH}" height="12" aria-hidden="true"><line x1="${x(from)}" x2="${x(to)}" y1="6" y2="6" stroke="currentColor"/><circle cx="${x(row.summary.mean)}" cy="6" r="3" fill="currentColor"/></svg>`;
}

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? '&#39;');
