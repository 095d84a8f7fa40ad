import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type ConfigFlags, toConfig, toResumeConfig } from './run-options.js';

const folder = mkdtempSync(join(tmpdir(), 'contrastive-options-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'run.yaml');
writeFileSync(file, 'data: photos\nbatch: 32\nepochs: 5\nhost: { name: simclr, temperature: 0.2 }\n');
const flags = (more: Partial<ConfigFlags>): ConfigFlags => ({ fields: {}, settings: [], ...more });

it('lets flags win over the file, and settings over flags', () => {
  const config = toConfig(flags({ config: file, fields: { batch: 64, epochs: 7 }, settings: ['epochs=9'] }));
  expect(config).toMatchObject({ data: 'photos', batch: 64, epochs: 9, host: { name: 'simclr', temperature: 0.2 } });
});

it('says which flag or file a bad value came from', () => {
  expect(() => toConfig(flags({ config: file, fields: { keepCheckpoints: 0 } }))).toThrow(/^--keep-checkpoints: /);
  expect(() => toConfig(flags({ config: file, settings: ['batch=0'] }))).toThrow(/^--set: batch: /);
  writeFileSync(join(folder, 'bad.yaml'), 'data: photos\nbatch: many\n');
  expect(() => toConfig(flags({ config: join(folder, 'bad.yaml') }))).toThrow(`${join(folder, 'bad.yaml')}: batch: `);
  expect(() => toConfig(flags({}))).toThrow('No images were named.');
});

it('resumes by the command line that started the run, and by one that only changes how it is computed', () => {
  const start = flags({ config: file, settings: ['backbone.width=0.5', 'optimizer.learningRate=0.1'] });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(toConfig(start)));
  expect(toResumeConfig(folder, start)).toEqual(toConfig(start));
  expect(toResumeConfig(folder, flags({}))).toEqual(toConfig(start));
  expect(toResumeConfig(folder, flags({ fields: { threads: 1, viewWorkers: 2 } }))).toMatchObject({
    threads: 1,
    batch: 32,
  });
  expect(() => toResumeConfig(folder, flags({ fields: { batch: 64, seed: 2 } }))).toThrow(
    /another configuration: batch is 32 there, 64 here; seed is 1 there, 2 here/,
  );
  expect(() => toResumeConfig(join(folder, 'none'), flags({}))).toThrow('holds no run to go on with');
});
