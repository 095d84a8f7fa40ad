// What both entry scripts need: the pinned package manager, run through npx, so that Node and npm are all a machine needs.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };

/** Runs a command in the repository's root with its output shown; resolves to its exit code. */
export function run(command, args, extra = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...env, ...extra },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(127);
    });
    child.on('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 130)));
  });
}

export const pnpm = (...args) => run('npx', ['--yes', manifest.packageManager, ...args]);

/** Ends the script if a step it cannot go on without has failed. */
export async function must(what, code) {
  if ((await code) === 0) return;
  console.error(`\n${what} failed; see above.`);
  process.exit(1);
}

/** Installs the packages, builds all of them, and looks for the TensorFlow library (without it the wasm backend is used). */
export async function prepare() {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20) {
    console.error(`Node ${process.versions.node} is too old: install Node 20 or newer.`);
    process.exit(1);
  }
  await must(
    'Installing the packages',
    pnpm('install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=warn'),
  );
  await must('Building', pnpm('exec', 'turbo', 'run', 'build', '--output-logs=errors-only', '--ui=stream'));
  await run(process.execPath, ['apps/bench/bin/contrastive.js', 'setup']);
}
