import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors } from '@contrastive/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contrastive, temporaryFolder, writeImages } from './command.js';

const temporary = temporaryFolder();
const at = (...parts: string[]) => join(temporary.path, ...parts);
const settings = ['--cache', at('cache'), '--threads', '1'];
const evaluate = (encoder: string, data: string, ...more: string[]) =>
  contrastive('evaluate', at(encoder), '--data', at(data), ...settings, ...more);

beforeAll(async () => {
  await writeImages(at('images', 'train'), { count: 12 });
  await writeImages(at('images', 'test'), { count: 4 });
  await writeImages(at('plain'), { count: 6, classes: ['only'] });
  const network = ['--width', '0.0625', '--side', '16', '--batch', '8', '--epochs', '0', '--no-evaluate'];
  await contrastive('pretrain', '--data', at('images'), ...settings, ...network, '--out', at('run'));
});
afterAll(() => temporary.remove());

describe.concurrent('contrastive evaluate', () => {
  it('runs protocols and baselines in one command, and keeps results and features in the run folder', async () => {
    const asked = ['--protocols', 'knn,ridge,finetune,metrics', '--baselines', 'random,pixels,supervised'];
    const first = await evaluate('run', 'images', ...asked, '--epochs', '1', '--supervised-epochs', '1', '--json');
    expect(first.code, first.stderr).toBe(0);
    const { results } = JSON.parse(first.stdout) as { results: { encoder: string; protocol: string; note?: string }[] };
    expect([...new Set(results.map((r) => r.encoder))]).toEqual([
      ...['trained', 'random initialisation', 'raw pixels, PCA 23', 'supervised, 1 epochs'],
    ]);
    const ofPixels = results.filter((r) => r.encoder.startsWith('raw')).map((r) => r.protocol);
    expect(ofPixels).not.toContain('finetune');
    await evaluate('run', 'images', '--protocols', 'knn,class-mean');
    const { evaluations } = JSON.parse(readFileSync(at('run', 'evaluation.json'), 'utf8'));
    expect(evaluations).toHaveLength(1);
    expect(evaluations[0].results).toHaveLength(results.length + 1); // knn measured again, class-mean new
  });

  it('draws maps beside the untrained network, and keeps the list of a sample of few labels', async () => {
    const asked = ['--protocols', 'semi:swav', '--epochs', '1', '--out', at('maps', 'results.json'), '--json'];
    mkdirSync(at('maps'));
    const result = await evaluate('run', 'images', ...asked, '--pictures', at('maps'));
    expect(result.code, result.stderr).toBe(0);
    const list = readFileSync(at('maps', 'semi-supervised-10-percent.txt'), 'utf8').trimEnd().split('\n');
    expect(list).toHaveLength(2); // 12 images of each of two classes
    for (const path of list)
      expect(existsSync(at('images', path)) || existsSync(at('images', 'train', path))).toBe(true);
    const { results } = JSON.parse(result.stdout) as { results: { name: string; note?: string }[] };
    expect(results[0]!.name).toBe('1 % of the labels (2 images), semi-supervised, SwAV, 1 epochs');
    expect(results[0]!.note).toContain('semi-supervised-1-percent.txt');
    for (const [file, caption] of [
      ['umap.svg', 'UMAP (7 neighbours'],
      ['t-sne.svg', 't-SNE (perplexity 2'],
    ] as const) {
      const svg = readFileSync(at('maps', file), 'utf8');
      expect(svg.match(/<circle [^>]*r="2.5"/g)).toHaveLength(2 * 8);
      expect(svg).toContain(caption);
      expect(svg).toContain('random initialisation');
      expect(svg).toContain('not meaningful');
    }
  });

  it('measures the representation where there are no labels, and says that accuracy needs them', async () => {
    const free = await evaluate('run', 'plain', '--out', at('free.json'));
    expect([free.code, free.stdout]).toEqual([0, expect.stringContaining('RankMe')]);
    expect(free.stderr).toContain('no labels');
    const asked = await evaluate('run', 'plain', '--protocols', 'knn');
    expect([asked.code, asked.errors]).toEqual([
      2,
      [expect.stringMatching(/plain has no labels.*which knn need.*--labels/)],
    ]);
  });

  it('says so when K is above the bank, a class has no test image, or kept features are of another encoder', async () => {
    await writeImages(at('partly', 'train'), { count: 6 });
    await writeImages(at('partly', 'test'), { count: 4, classes: ['dark'] });
    const kept = ['--feature-cache', at('kept'), '--out', at('partly.json'), '--protocols', 'knn', '--k', '999'];
    const first = await evaluate('run', 'partly', ...kept);
    const oneClass = 'have no labels, or are all of one class';
    expect([first.code, first.errors[0]]).toEqual([2, expect.stringContaining(oneClass)]);
    await writeImages(at('partly', 'train'), { count: 6, classes: ['third'] });
    await writeImages(at('partly', 'test'), { count: 4, classes: ['light'] });
    const second = await evaluate('run', 'partly', ...kept);
    expect(second.code, second.stderr).toBe(0);
    expect(second.stdout).toContain('kNN-18');
    expect(second.stdout).toContain('K 999 is larger than the bank: all 18 are neighbours');
    expect(second.stdout).toContain('No test image is of class third');
    for (const file of readdirSync(at('kept'))) {
      const { tensors, metadata } = decodeSafetensors(readFileSync(at('kept', file)));
      const key = (metadata.key as string).replace(/[0-9a-f]{64}/, '0'.repeat(64));
      writeFileSync(at('kept', file), encodeSafetensors({ tensors, metadata: { ...metadata, key } }));
    }
    const third = await evaluate('run', 'partly', ...kept);
    expect(third.stderr.match(/not used: they belong to another encoder/g)).toHaveLength(2);
    expect(third.stdout).toBe(second.stdout);
  });

  it('ends in one line that names the image if features are NaN', async () => {
    const { tensors, metadata } = decodeSafetensors(readFileSync(at('run', 'encoder.safetensors')));
    for (const { data } of Object.values(tensors)) data.fill(Number.NaN);
    writeFileSync(at('nan.safetensors'), encodeSafetensors({ tensors, metadata }));
    const result = await evaluate('nan.safetensors', 'images', '--no-feature-cache');
    expect([result.code, result.errors]).toEqual([
      1,
      [expect.stringMatching(/image 0 has the feature NaN.*earlier checkpoint/)],
    ]);
  });

  it('reads encoders of other programs when told what they are', async () => {
    const { tensors } = decodeSafetensors(readFileSync(at('run', 'encoder.safetensors')));
    const named = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [`online/backbone/${name}`, tensor]),
    );
    writeFileSync(at('other.safetensors'), encodeSafetensors({ tensors: named, metadata: {} }));
    const weights = Object.entries(tensors).map(([name, { shape }]) => ({ name, shape, dtype: 'float32' }));
    writeFileSync(
      at('shard.bin'),
      Buffer.concat(
        Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
      ),
    );
    writeFileSync(at('model.json'), JSON.stringify({ weightsManifest: [{ paths: ['shard.bin'], weights }] }));
    const silent = await evaluate('other.safetensors', 'images');
    expect(silent.errors[0]).toMatch(/does not say which encoder it holds.*--backbone/);
    const values = [];
    for (const [file, ...told] of [
      ['run'],
      ['other.safetensors', '--backbone', 'resnet18', '--width', '0.0625', '--side', '16'],
      ['model.json', '--backbone', 'resnet18', '--width', '0.0625', '--side', '16'],
    ]) {
      const result = await evaluate(
        file!,
        'images',
        ...told,
        '--no-feature-cache',
        '--protocols',
        'metrics',
        '--json',
        '--out',
        at(`${file}.out.json`),
      );
      expect(result.code, result.stderr).toBe(0);
      values.push(JSON.parse(result.stdout).results.map((r: { value: number }) => r.value.toPrecision(4)));
    }
    expect(values[1]).toEqual(values[2]);
    const wrong = await evaluate('model.json', 'images', '--backbone', 'resnet34', '--width', '0.0625');
    expect(wrong.errors[0]).toMatch(/is missing/);
  });
});
