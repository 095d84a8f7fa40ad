import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { applySetting, parseConfig, readConfigFile } from './config.js';

const folder = mkdtempSync(join(tmpdir(), 'contrastive-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const parse = (input: unknown) => parseConfig(input, () => 'file.yaml');

describe('parseConfig', () => {
  it('fills in defaults and makes parts of names', () => {
    const config = parse({ data: 'photos', methods: ['reco', { name: 'ft', alpha: 2 }] });
    expect(config).toMatchObject({
      ...{ data: 'photos', host: { name: 'moco' }, backbone: { name: 'resnet18' }, batch: 128, epochs: 20, seed: 1 },
      methods: [{ name: 'reco' }, { name: 'ft', alpha: 2 }],
    });
    expect(config.optimizer).toBeUndefined();
  });

  it('reads what it has written', () => {
    const config = parse({ data: 'photos', optimizer: { learningRate: 0.1 }, schedule: 'cosine', threads: 2 });
    expect(parse(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it('names every problem, with its source, and suggests the nearest key', () => {
    expect(() => parse({ data: 'photos', bacth: 3, epochs: -1, precision: 'f16' })).toThrow(
      /^file\.yaml: epochs: .*; file\.yaml: precision: .*; file\.yaml: bacth is not an option; did you mean batch\?\.$/,
    );
    expect(() => parse({ data: 'photos', zzzzzzzzzz: 3 })).toThrow(
      /zzzzzzzzzz is not an option; there are data, split/,
    );
    expect(() => parse({ data: 'photos', batch: 1 })).toThrow(/batch: .*2/);
    expect(() => parse({ data: 'photos', methods: [{ lambda: 1 }] })).toThrow(/methods/);
  });
});

describe('readConfigFile', () => {
  it('reads YAML and JSON', () => {
    const expected = { host: 'moco', methods: ['reco'], batch: 64 };
    expect(readConfigFile(file('a.yaml', 'host: moco\nmethods: [reco]\nbatch: 64\n'))).toEqual(expected);
    expect(readConfigFile(file('a.json', JSON.stringify(expected)))).toEqual(expected);
  });

  it('refuses missing files, broken text and what is no map', () => {
    expect(() => readConfigFile(join(folder, 'none.yaml'))).toThrow(/none\.yaml failed: ENOENT/);
    expect(() => readConfigFile(file('b.json', '{'))).toThrow(/b\.json is not valid JSON/);
    expect(() => readConfigFile(file('b.yaml', 'a: [1'))).toThrow(/b\.yaml is not valid YAML/);
    expect(() => readConfigFile(file('c.yaml', '- a'))).toThrow(/must hold a map/);
  });
});

describe('applySetting', () => {
  const set = (config: Record<string, unknown>, ...settings: string[]) => {
    for (const setting of settings) applySetting(config, setting);
    return config;
  };

  it('sets fields and options of parts, read as YAML', () => {
    expect(set({}, 'batch=64', 'host.temperature=0.2', 'backbone.width=0.5', 'optimizer.learningRate=0.1')).toEqual({
      ...{ batch: 64, host: { name: 'moco', temperature: 0.2 }, backbone: { name: 'resnet18', width: 0.5 } },
      optimizer: { learningRate: 0.1 },
    });
    expect(set({ host: 'byol' }, 'host.momentum={base: 0.9}')).toEqual({
      host: { name: 'byol', momentum: { base: 0.9 } },
    });
  });

  it('sets options of the listed methods', () => {
    expect(set({ methods: ['reco', { name: 'ft', a: 1 }] }, 'ft.b=true', 'reco.c=x')).toEqual({
      methods: [
        { name: 'reco', c: 'x' },
        { name: 'ft', a: 1, b: true },
      ],
    });
  });

  it('says what is wrong with a setting', () => {
    expect(() => set({}, 'batch')).toThrow(/write it as path=value/);
    expect(() => set({}, 'a.b.c=1')).toThrow(/at most two parts/);
    expect(() => set({ methods: ['reco'] }, 'ft.b=1')).toThrow(
      /ft is neither a part of this run nor one of its methods/,
    );
    expect(() => set({}, 'data.b=1')).toThrow(/data is not a part with options/);
  });
});
