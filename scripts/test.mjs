// npm test: set-up, static checks, unit tests of all packages, parity with the reference fixtures, method × host matrix.
// Ends with the line "N passed, N failed, N skipped" over everything that ran.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm, prepare, root } from './shared.mjs';

const started = Date.now();
const totals = { passed: 0, failed: 0, skipped: 0 };
const count = (result) => {
  for (const key of Object.keys(totals)) totals[key] += result[key] ?? 0;
};
const stage = async (name, work) => {
  console.log(`\n== ${name}`);
  const before = Date.now();
  const result = await work();
  count(result);
  console.log(
    `== ${name}: ${result.passed} passed, ${result.failed} failed (${((Date.now() - before) / 1000).toFixed(0)} s)`,
  );
};
const asOne = (code) => (code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });

await prepare();
await stage('static checks', async () => asOne(await pnpm('run', '--silent', 'check')));
await stage('unit tests', unitTests);
await stage('parity', parity);
await stage('matrix', matrix);
console.log(`\n${((Date.now() - started) / 60_000).toFixed(1)} min`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;

/** Each package's vitest leaves a report; a package that wrote none counts as failed. */
async function unitTests() {
  const folders = [...folderNames('packages'), ...folderNames('apps')];
  const report = (folder) => join(root, folder, '.reports', 'vitest.json');
  for (const folder of folders) rmSync(report(folder), { force: true });
  const code = await pnpm(
    'exec',
    'turbo',
    'run',
    'test',
    '--continue',
    '--concurrency=2',
    '--output-logs=errors-only',
    '--ui=stream',
  );
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const folder of folders) {
    if (!existsSync(report(folder))) {
      console.log(`${folder}: no test report`);
      sum.failed++;
      continue;
    }
    const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests } = JSON.parse(
      readFileSync(report(folder), 'utf8'),
    );
    sum.passed += numPassedTests;
    sum.failed += Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0);
    sum.skipped += numPendingTests;
  }
  if (code !== 0 && sum.failed === 0) sum.failed++;
  return sum;
}

/** The reference fixtures lie beside the repository; without them the stage is skipped, and says so. */
async function parity() {
  const folder = process.env.CONTRASTIVE_FIXTURES ?? join(root, '..', 'shared', 'fixtures');
  if (!existsSync(folder)) {
    console.log(`Skipped: no fixtures at ${folder}; set CONTRASTIVE_FIXTURES to their folder.`);
    return { passed: 0, failed: 0, skipped: 1 };
  }
  return asOne(await pnpm('run', '--silent', 'parity', folder, '--mode', 'both'));
}

/** Every method over every host, and whether the page that shows it is current. */
async function matrix() {
  const report = join(root, 'packages', 'matrix', '.reports', 'matrix.json');
  rmSync(report, { force: true });
  const code = await pnpm('run', '--silent', 'matrix', '--check');
  if (!existsSync(report)) return asOne(code || 1);
  const { passed, failed, skipped } = JSON.parse(readFileSync(report, 'utf8'));
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed, skipped };
}

function folderNames(parent) {
  const names = readdirSync(join(root, parent)).filter((name) => existsSync(join(root, parent, name, 'package.json')));
  return names.map((name) => `${parent}/${name}`);
}
