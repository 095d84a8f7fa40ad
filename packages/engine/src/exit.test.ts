import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { describeTensorFlow } from '../test/tensorflow.js';

const folder = path.resolve(import.meta.dirname, '..');
const run = (file: string, env: Record<string, string> = {}) =>
  promisify(execFile)(process.execPath, ['--conditions=@contrastive/source', '--import=tsx', file], {
    cwd: folder,
    env: { ...process.env, ...env },
  });

describeTensorFlow('a program that uses the engine', () => {
  test('ends by itself, without a crash and without a word on stderr', async () => {
    const { stdout, stderr } = await run('examples/compile-a-step.ts');
    expect(stdout.trim()).toBe('2.00 1.00');
    expect(stderr).toBe('');
  });

  test('runs the same on wasm where there is no library', async () => {
    const nowhere = { XDG_CACHE_HOME: '/nowhere', CONTRASTIVE_TENSORFLOW: '/nowhere' };
    const { stdout } = await run('examples/compile-a-step.ts', nowhere);
    expect(stdout.trim().split('\n').at(-1)).toBe('2.00 1.00');
  });
});

test('the README shows the example as it is', async () => {
  const read = (file: string) => readFile(path.join(folder, file), 'utf8');
  expect(await read('README.md')).toContain(await read('examples/compile-a-step.ts'));
});
