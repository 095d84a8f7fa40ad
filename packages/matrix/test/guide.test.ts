// The method of docs/method-author-guide.md, taken out of the page: it must type-check as a package, and its own tests, the
// conformance suite among them, run here.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..', '..');
const folder = join(here, '..', '.reports', 'guide', 'packages', 'mochi');
const page = readFileSync(join(root, 'docs', 'method-author-guide.md'), 'utf8');

const files = Object.fromEntries(
  [...page.matchAll(/^```\w+ title=(\S+)\n(.*?)^```$/gms)].map(([, name, text]) => [name!, text!]),
);
rmSync(folder, { recursive: true, force: true });
for (const [name, text] of Object.entries(files)) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

describe('the method author’s guide', () => {
  it('holds a whole package', () => {
    expect(Object.keys(files).sort()).toEqual(['package.json', 'src/index.ts', 'src/mochi.test.ts', 'src/mochi.ts']);
    const { dependencies } = JSON.parse(files['package.json']!);
    expect(Object.keys(dependencies)).toEqual(['@contrastive/core']);
  });

  it('keeps its promise of 60 lines, imports and comments aside', () => {
    const lines = files['src/mochi.ts']!.replace(/^import .*?;$/gms, '')
      .replace(/\/\*\*.*?\*\//gs, '')
      .split('\n');
    expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(60);
  });

  it('shows code that compiles', () => {
    const config = { extends: join(root, 'tooling', 'tsconfig.json'), include: ['src'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    expect(run('typescript/bin/tsc', ['--noEmit', '-p', folder])).toBe('');
  });

  it.each(Object.entries(files))('shows %s formatted as the repository', (path, text) => {
    // Within a page Biome does not know a package.json, which it formats by rules of its own.
    const name = path.replace('package.json', 'page.json');
    const formatted = run('@biomejs/biome/bin/biome', ['format', `--stdin-file-path=packages/mochi/${name}`], text);
    expect(formatted).toBe(text);
  });
});

/** Runs a tool of the repository; a failing one throws with what it wrote. */
function run(script: string, args: readonly string[], input = ''): string {
  const file = createRequire(join(root, 'package.json')).resolve(script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: root,
    encoding: 'utf8',
    input,
  });
  if (status !== 0) throw new Error(`${script}: ${stdout}${stderr}`);
  return stdout;
}

await import(join(folder, 'src', 'mochi.test.ts'));
