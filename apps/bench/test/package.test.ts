import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('publishes no embedded image', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { files: string[] };
  expect(manifest.files).toContain('dist');
  expect(manifest.files.filter((entry) => entry === '.' || entry.startsWith('data'))).toEqual([]);
});
