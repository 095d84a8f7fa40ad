import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readNpy } from '@contrastive/report';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder, writeImages } from '../../test/command.js';
import { main } from '../cli.js';

const temporary = temporaryFolder();
const path = (...names: readonly string[]) => join(temporary.path, ...names);
let printed: string[];
let notices: string[];

const command = (...args: readonly string[]) => main(args);
const pretrain = (out: string, ...more: readonly string[]) =>
  command(
    ...['pretrain', '--data', path('images'), '--cache', path('cache'), '--backbone', 'resnet18', '--width', '0.0625'],
    ...['--side', '16', '--batch', '8', '--epochs', '2', '--record-every', '2', '--threads', '1', '--out', path(out)],
    ...more,
  );

const silence = () => {
  printed = [];
  notices = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
  vi.spyOn(console, 'error').mockImplementation((line: string) => void notices.push(line));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => notices.push(String(text)) > 0);
};

beforeAll(async () => {
  silence();
  for (const part of ['train', 'test']) await writeImages(path('images', part), { count: 20 });
  expect(await pretrain('runs/moco')).toBe(0);
  expect(await pretrain('runs/moco-ft', '--methods', 'ft', '--no-evaluate')).toBe(0);
});
afterAll(temporary.remove);
beforeEach(silence);
afterEach(() => vi.restoreAllMocks());

describe('a run', () => {
  it('keeps the five statistics of every anchor in arrays that numpy reads, before and after its method', () => {
    const scores = readdirSync(path('runs/moco-ft/scores')).sort();
    expect(scores).toEqual(['raw_001.npy', 'raw_002.npy', 'score_001.npy', 'score_002.npy']);
    // 40 images in batches of 8: steps 1 to 5 and 6 to 10, of which every other one is recorded.
    expect(scores.map((name) => readNpy(path('runs/moco-ft/scores', name)).shape)).toEqual([
      ...[
        [3, 8, 5],
        [2, 8, 5],
        [3, 8, 5],
        [2, 8, 5],
      ],
    ]);
    const { data } = readNpy(path('runs/moco-ft/scores/score_001.npy'));
    // τ of MoCo on small data is 0.1: the last column is e^(positive/τ).
    for (let row = 0; row < 24; row++) expect(Math.log(data[5 * row + 4]!)).toBeCloseTo(data[5 * row + 2]! / 0.1, 3);
    expect(readdirSync(path('runs/moco/scores')).sort()).toEqual(['score_001.npy', 'score_002.npy']);
  });
});

describe('contrastive report', () => {
  it('writes one file with plots, pairs of views, neighbours of 12 images and a map, and logs for TensorBoard', async () => {
    const [out, logs] = [path('one.html'), path('logs')];
    const flags = ['--out', out, '--tensorboard', logs, '--threads', '1'];
    expect(await command('report', path('runs/moco'), ...flags)).toBe(0);
    const page = readFileSync(out, 'utf8');
    for (const id of ['P1', 'P7', 'heat-0-raw-pos', 'views-0', 'neighbours-0', 'umap-0', 'purity', 'queue-age']) {
      expect(page).toContain(`id="${id}"`);
    }
    expect(page.match(/alt="query \d+, (dark|light)"/g)).toHaveLength(12);
    expect(page.match(/, cosine -?\d\.\d\d" title/g)).toHaveLength(12 * 8);
    expect(page.match(/alt="image \d+, view [12]"/g)).toHaveLength(12 * 2);
    expect(
      readdirSync(join(logs, 'moco'))
        .map((name) => name.replace(/\d+/, 'N'))
        .sort(),
    ).toEqual([
      'events.out.tfevents.N.contrastive',
      'metadata.tsv',
      'projector_config.pbtxt',
      'sprite.png',
      'tensors.tsv',
    ]);
    expect(readFileSync(join(logs, 'moco/metadata.tsv'), 'utf8')).toMatch(/^(dark\n|light\n){40}$/);
    expect(printed[0]).toMatch(/^moco: done, /);
    expect(printed.slice(1)).toEqual([`Report: ${out}`, `TensorBoard: tensorboard --logdir ${logs}`]);
  });

  it('compares all runs of a folder, each once however often it is named', async () => {
    const out = path('both.html');
    expect(await command('report', path('runs'), path('runs/moco'), '--no-pictures', '--out', out)).toBe(0);
    expect(printed.map((line) => line.split(':')[0])).toEqual(['moco', 'moco-ft', 'Report']);
    const page = readFileSync(out, 'utf8');
    expect(page).toContain('id="edited-posMean"');
    expect(page).not.toContain('<img');
  });

  it('says why a run has no pictures, and reports the rest', async () => {
    const out = path('moved.html');
    const run = ['report', path('runs/moco'), '--out', out];
    expect(await command(...run, '--data', path('nowhere'))).toBe(0);
    expect(notices.join('')).toMatch(/No pictures of moco: .*nowhere/);
    rmSync(path('runs/moco/encoder.safetensors'));
    expect(await command(...run)).toBe(0);
    expect(notices.join('')).toContain('No pictures of moco: its encoder is written when it ends.');
    expect(readFileSync(out, 'utf8')).toContain('id="P1"');
  });

  it('says what to give instead of a path without runs, and of more runs than there are colours', async () => {
    const out = path('never.html');
    mkdirSync(path('empty'));
    expect(await command('report', path('nowhere'), '--out', out)).toBe(1);
    expect(notices.join('')).toContain('nowhere does not exist. Give a run folder, or a folder of runs.');
    expect(await command('report', path('empty'), '--out', out)).toBe(2);
    expect(notices.join('')).toContain('empty holds no run.');
    for (let i = 0; i < 9; i++) {
      mkdirSync(path(`many/${i}`), { recursive: true });
      writeFileSync(path(`many/${i}/config.json`), '{}');
    }
    expect(await command('report', path('many'), '--out', out, '--no-pictures')).toBe(2);
    expect(notices.join('')).toContain('A report shows 1 to 8 runs, but 9 were given.');
    expect(existsSync(out)).toBe(false);
  });
});
