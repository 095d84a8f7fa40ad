// Tries every method over every host:
//   pnpm matrix [--json] [--write | --check] [--only TEXT]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import '@tensorflow/tfjs'; // gradients, and a backend where TensorFlow is missing
import { HOSTS, recordedRuntime } from '@contrastive/conformance';
import { COMBINATIONS, METHODS } from './rows.js';
import { type CellResult, countOutcomes, hasFailed, runCell } from './run.js';
import { matrixPage } from './table.js';

const page = fileURLToPath(new URL('../../../docs/matrix.md', import.meta.url));
// Left for scripts that add up results.
const reports = fileURLToPath(new URL('../.reports', import.meta.url));
const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
if (flags.only !== undefined && (flags.write || flags.check)) {
  console.error('matrix: --write and --check need the whole matrix; leave --only out.');
  process.exit(2);
}
const say = (line: string) => (flags.json ? console.error(line) : console.log(line));

const runtime = await recordedRuntime();
const recorded = 'missing' in runtime ? undefined : runtime;
if ('missing' in runtime) say(`Recorded steps are not tried: ${runtime.missing}`);

const rows = [...METHODS, ...COMBINATIONS].filter(({ name }) => name.includes(flags.only ?? ''));
const cells: CellResult[] = [];
for (const row of rows) {
  const started = performance.now();
  const results: CellResult[] = [];
  for (const host of HOSTS) results.push(await runCell(row, host, recorded));
  cells.push(...results);
  showRow(row.name, results, (performance.now() - started) / 1000);
}

const counts = countOutcomes(cells);
const text = matrixPage(cells);
if (flags.write) writeFileSync(page, text);
if (flags.check) {
  const isCurrent = readFileSync(page, 'utf8') === text;
  counts[isCurrent ? 'passed' : 'failed']++;
  if (!isCurrent) say('docs/matrix.md does not show these results; run pnpm matrix --write and look at what changed.');
}
const report = JSON.stringify({ ...counts, cells }, null, 1);
mkdirSync(reports, { recursive: true });
writeFileSync(join(reports, 'matrix.json'), report);
if (flags.json) console.log(report);
else {
  if (counts.skipped > 0) console.log(`${counts.skipped} skipped`);
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
}
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;

/** One line for the row, and one for everything that failed in it. */
function showRow(name: string, results: readonly CellResult[], seconds: number): void {
  const supported = results.filter((cell) => cell.isSupported).length;
  say(`${name.padEnd(34)} ${supported} of ${results.length} hosts (${seconds.toFixed(0)} s)`);
  for (const { host, checks } of results.filter(hasFailed)) {
    for (const { check, outcome, message } of checks) {
      if (outcome === 'failed') say(`  ✗ ${name} over ${host}: ${check}\n      ${message}`);
    }
  }
}
