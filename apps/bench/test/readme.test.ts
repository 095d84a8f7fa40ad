import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { contrastive } from './command.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = readme.match(/^contrastive .+$/gm)!.map((line) => line.split(' '));

it('shows every command, with flags that exist', async () => {
  const listed = (await contrastive('--help')).stdout
    .match(/^ {2}[a-z:]+(?= .*\[options\])/gm)!
    .map((name) => name.trim());
  const shown = new Set(examples.map(([, command]) => command!));
  expect([...shown].sort()).toEqual(listed.sort());
  for (const command of shown) {
    const { stdout } = await contrastive(command, '--help');
    const flags = examples.filter(([, name]) => name === command).flat();
    for (const flag of flags.filter((word) => word.startsWith('--'))) expect(stdout).toContain(flag);
  }
});
