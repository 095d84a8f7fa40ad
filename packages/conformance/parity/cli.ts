// Compares the packages with the numeric reference cases of a folder:
//   pnpm parity DIR [--known-only] [--json] [--mode eager|compiled|both]
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { eagerRuntime, type Runtime } from '@contrastive/core';
import {
  type Fixture,
  hasPassed,
  type ParityKinds,
  type ParityResult,
  runCase,
  worstField,
} from '@contrastive/testing';
import { loadBackend } from './backend.js';

interface Outcome extends ParityResult {
  readonly file: string;
  readonly mode: string;
}

/** The adapters of all packages. @throws Error if two packages claim one key. */
async function loadKinds(): Promise<ParityKinds> {
  const here = dirname(fileURLToPath(import.meta.url));
  const packages = dirname(dirname(here));
  const kinds: Record<string, ParityKinds[string]> = {};
  const folders = readdirSync(packages).map((name) => join(packages, name, 'parity'));
  const files = folders
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path).map((f) => join(path, f)));
  for (const file of files.filter((path) => path.endsWith('.ts') && dirname(path) !== here)) {
    const module = (await import(pathToFileURL(file).href)) as { kinds?: ParityKinds };
    for (const [key, adapter] of Object.entries(module.kinds ?? {})) {
      if (kinds[key] !== undefined) throw new Error(`Two adapters are called ${key}; one is in ${file}.`);
      kinds[key] = adapter;
    }
  }
  return kinds;
}

/** One line: file, field, worst difference, allowed. */
function describe(outcome: Outcome): string {
  const at = `${outcome.file} [${outcome.mode}]`;
  if (!outcome.isKnown) return `${at}  no adapter`;
  if (outcome.error !== undefined) return `${at}  error: ${outcome.error.split('\n')[0]}`;
  const { field, problem, difference, allowed } = worstField(outcome)!;
  return `${at}  ${field}  ${problem ?? `differs by ${difference.toExponential(2)}, allowed ${allowed.toExponential(2)}`}`;
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'known-only': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    mode: { type: 'string', default: 'eager' },
  },
});
const [folder] = positionals;
if (folder === undefined || positionals.length > 1 || !['eager', 'compiled', 'both'].includes(flags.mode)) {
  console.error('Usage: pnpm parity DIR [--known-only] [--json] [--mode eager|compiled|both]');
  process.exit(2);
}
const { name: backend, compiled } = await loadBackend();
if (flags.mode !== 'eager' && compiled === undefined) {
  console.error(`parity: --mode ${flags.mode} needs the tensorflow backend; only ${backend} could be loaded.`);
  process.exit(2);
}
const modes: [string, Runtime][] = [];
if (flags.mode !== 'compiled') modes.push(['eager', eagerRuntime]);
if (flags.mode !== 'eager' && compiled !== undefined) modes.push(['compiled', compiled]);

const kinds = await loadKinds();
const outcomes: Outcome[] = [];
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json'));
for (const file of files.sort()) {
  const fixture = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Fixture;
  const kind = `${basename(dirname(join(resolve(folder), file)))}/${basename(file, '.json')}`;
  for (const [mode, runtime] of modes) {
    const outcome = { file, mode, ...(await runCase(kinds, kind, fixture, runtime)) };
    if (!outcome.isKnown && flags['known-only']) continue;
    outcomes.push(outcome);
    if (!flags.json && !hasPassed(outcome)) console.log(describe(outcome));
  }
}
const failed = outcomes.filter((outcome) => !hasPassed(outcome)).length;
if (flags.json) {
  const cases = outcomes.map((outcome) => ({ ...outcome, passed: hasPassed(outcome) }));
  console.log(JSON.stringify({ backend, passed: outcomes.length - failed, failed, cases }, null, 1));
} else console.log(`${outcomes.length - failed} passed, ${failed} failed (${backend})`);
process.exitCode = failed > 0 || outcomes.length === 0 ? 1 : 0;
