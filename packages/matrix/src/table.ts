import { AGREEMENT, BATCH, CHECKS, SIDE } from '@contrastive/conformance';
import { type CellResult, hasFailed } from './run.js';

/** The page `docs/matrix.md`: who goes with whom, why not, and what was checked. The same results give the same page. */
export function matrixPage(cells: readonly CellResult[]): string {
  const hosts = distinct(cells.map((cell) => cell.host));
  const reasons = distinct(cells.flatMap(({ reason }) => reason ?? []));
  const mark = (cell: CellResult | undefined): string => {
    if (cell === undefined) return '';
    if (!cell.isSupported) return `[${reasons.indexOf(cell.reason!) + 1}]`;
    return hasFailed(cell) ? '✗' : '✓';
  };
  const rows = distinct(cells.map((cell) => cell.methods)).map((methods) => [
    methods,
    ...hosts.map((host) => mark(cells.find((cell) => cell.methods === methods && cell.host === host))),
  ]);
  const { losses, variables } = AGREEMENT;
  return `# Methods over hosts

Written by \`pnpm matrix --write\`; \`pnpm matrix --check\` fails where it no longer holds.

${aligned([['', ...hosts], ...rows])}

✓ passes every check below. Methods are listed in the order in which the run lists them. A number says that the parts refuse each other:

${reasons.map((reason, i) => `${i + 1}. ${reason}`).join('\n')}

## What is checked

Each cell trains a small encoder with batch norm on ${BATCH} images of ${SIDE} × ${SIDE} pixels. Each of its methods

${CHECKS.map(({ name }) => `- ${name}`).join('\n')}

Recorded and eager steps agree if, over three steps, losses differ by at most ${losses.rel} of their size plus ${losses.abs}, and all
variables after them (weights, queues, optimiser) by at most ${variables.rel} of their largest value plus ${variables.abs}. Everything else is compared bit
for bit.
`;
}

const distinct = (values: readonly string[]): readonly string[] => [...new Set(values)];

/** A Markdown table with columns of equal width. The first row is its head. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const [head, ...body] = rows;
  return [line(head!), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
