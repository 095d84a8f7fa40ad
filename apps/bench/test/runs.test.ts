import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contrastive, firstCheckpoint, lossesOf, readSummary, start, temporaryFolder, writeImages } from './command.js';

const temporary = temporaryFolder();
const at = (...parts: string[]) => join(temporary.path, ...parts);
const data = at('data');
/** One thread: then two runs agree to the last digit. Long enough that one can be stopped in the middle. */
const SETTINGS = [
  ...['--data', data, '--cache', at('cache'), '--host', 'moco', '--width', '0.0625', '--side', '16', '--batch', '8'],
  ...['--epochs', '12', '--threads', '1', '--no-evaluate'],
];
const pretrain = (run: string, ...more: string[]) => ['pretrain', ...SETTINGS, '--out', at(run), ...more];
const encoder = (run: string) => readFileSync(at(run, 'encoder.safetensors'));

beforeAll(async () => {
  await writeImages(join(data, 'train'), { count: 24 });
  await writeImages(join(data, 'test'), { count: 4 });
  const whole = await contrastive(...pretrain('whole', '--json'));
  expect(whole.stderr).not.toContain('error');
  expect(whole.code).toBe(0);
  expect(JSON.parse(whole.stdout)).toEqual(readSummary(at('whole')));
});

afterAll(temporary.remove);

describe.concurrent('a run', () => {
  it('leaves its configuration, log, checkpoints, encoder and summary, and no lock', () => {
    expect(readdirSync(at('whole')).sort()).toEqual([
      'checkpoints',
      'config.json',
      'data.json',
      'encoder.safetensors',
      'metrics.jsonl',
      'records.jsonl',
      'scores',
      'summary.json',
    ]);
    const { best } = readSummary(at('whole'));
    const kept = new Set(['best.json', best.file, 'step-000000066.safetensors', 'step-000000072.safetensors']);
    expect(readdirSync(at('whole', 'checkpoints'))).toEqual([...kept].sort());
    const losses = lossesOf(at('whole'));
    expect(losses).toHaveLength(72);
    const last = losses.slice(-6);
    expect(readSummary(at('whole')).loss).toBe(last.reduce((a, b) => a + b, 0) / 6);
  });

  it('ends with the same digits after kill -9 in the middle and a resume', async () => {
    const { child, ended } = start(pretrain('killed'));
    await firstCheckpoint(at('killed'));
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    expect(existsSync(at('killed', 'summary.json'))).toBe(false);
    const resumed = await contrastive(...pretrain('killed', '--resume'));
    expect(resumed.stderr).toMatch(/Going on after step \d+\./);
    expect(resumed.code).toBe(0);
    expect(lossesOf(at('killed'))).toEqual(lossesOf(at('whole')));
    expect(readSummary(at('killed')).loss).toBe(readSummary(at('whole')).loss);
    expect(encoder('killed').equals(encoder('whole'))).toBe(true);
  });

  it('has the same losses to 1e-4 when the device makes the views, until rounding has grown', async () => {
    const [device, given] = await Promise.all(
      ['device', 'cpu'].map((where) =>
        contrastive(...pretrain(`by-${where}`, '--augment', where, '--epochs', '1', '--json')),
      ),
    );
    expect([device!.code, given!.code]).toEqual([0, 0]);
    const cpu = lossesOf(at('by-cpu'));
    const differences = lossesOf(at('by-device')).map((loss, i) => Math.abs(loss - cpu[i]!));
    expect(differences).toHaveLength(6);
    expect(Math.max(...differences.slice(0, 4))).toBeLessThan(1e-4);
  });

  it('stops at SIGINT with a checkpoint and exit code 130, and goes on from there', async () => {
    const { child, ended } = start(pretrain('stopped', '--json'));
    await firstCheckpoint(at('stopped'));
    const asked = performance.now();
    child.kill('SIGINT');
    const stopped = await ended;
    expect(performance.now() - asked).toBeLessThan(5000);
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain('go on with --resume');
    const { status, steps } = JSON.parse(stopped.stdout);
    expect(status).toBe('stopped');
    const newest = `step-${String(steps).padStart(9, '0')}.safetensors`;
    expect(readdirSync(at('stopped', 'checkpoints'))).toContain(newest);
    const resumed = await contrastive('pretrain', '--resume', '--out', at('stopped'));
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain(`Going on after step ${steps}.`);
    expect(lossesOf(at('stopped'))).toEqual(lossesOf(at('whole')));
    expect(readSummary(at('stopped'))).toMatchObject({ status: 'done', loss: readSummary(at('whole')).loss });
  });

  it('goes on from the checkpoint before a damaged one', async () => {
    const short = ['--epochs', '2'];
    await contrastive(...pretrain('damaged', ...short));
    const [older, newer] = readdirSync(at('damaged', 'checkpoints')).filter((name) => name !== 'best.json');
    truncateSync(at('damaged', 'checkpoints', newer!), 1000);
    const { loss } = readSummary(at('damaged'));
    const resumed = await contrastive(...pretrain('damaged', ...short, '--resume'));
    expect(resumed.stderr).toContain('Passed over a damaged checkpoint: ');
    expect(resumed.stderr).toContain(`Going on after step ${Number(older!.slice(5, 14))}.`);
    expect(readSummary(at('damaged')).loss).toBe(loss);
    for (const name of readdirSync(at('damaged', 'checkpoints'))) {
      if (name !== 'best.json') truncateSync(at('damaged', 'checkpoints', name), 1000);
    }
    const hopeless = await contrastive(...pretrain('damaged', ...short, '--resume'));
    expect(hopeless.code).toBe(1);
    expect(hopeless.errors).toHaveLength(1);
    expect(hopeless.errors[0]).toContain('No checkpoint of this run is whole.');
  });

  it('has the same losses with no, one and two threads that make views', async () => {
    const ends = await Promise.all([0, 2].map((n) => contrastive(...pretrain(`views-${n}`, '--view-workers', `${n}`))));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    for (const n of [0, 2]) expect(lossesOf(at(`views-${n}`))).toEqual(lossesOf(at('whole')));
  });

  it('is the same from a YAML file as from flags', async () => {
    const file = at('run.yaml');
    const lines = ['host: moco', 'backbone: { name: resnet18, width: 0.0625 }', 'side: 16', 'batch: 8', 'epochs: 12'];
    writeFileSync(
      file,
      [`data: ${data}`, `cache: ${at('cache')}`, ...lines, 'threads: 1', 'evaluate: false'].join('\n'),
    );
    const run = await contrastive('pretrain', '--config', file, '--out', at('yaml'));
    expect(run.code).toBe(0);
    expect(run.stdout).toContain('trained       12 epochs, 72 steps');
    const config = (name: string) => JSON.parse(readFileSync(at(name, 'config.json'), 'utf8'));
    expect(config('yaml')).toEqual(config('whole'));
    expect(lossesOf(at('yaml'))).toEqual(lossesOf(at('whole')));
  });

  it('computes on wasm without TensorFlow', async () => {
    const run = await contrastive(...pretrain('wasm', '--backend', 'wasm', '--batch', '24', '--epochs', '1'));
    expect(run.errors).toEqual([]);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/backend +wasm/);
    expect(lossesOf(at('wasm'))).toHaveLength(2);
  });

  it('can be evaluated, with its accuracy as JSON', async () => {
    const args = [
      'evaluate',
      at('whole'),
      '--data',
      data,
      '--cache',
      at('cache'),
      '--threads',
      '1',
      '--protocols',
      'knn',
    ];
    const result = await contrastive(...args, '--json');
    expect(result.code).toBe(0);
    const { data: images, results } = JSON.parse(result.stdout);
    expect(images).toMatchObject({ train: 48, test: 8, classes: ['dark', 'light'] });
    expect(results).toContainEqual(expect.objectContaining({ protocol: 'knn', metric: 'top-1', value: 1, n: 8 })); // dark and light images
    expect(results[0].interval[1]).toBe(1);
    const text = await contrastive(...args);
    expect(text.stdout).toContain('100.00 %');
  });

  it('measures kNN at the end, with classes numbered alike where the test images lack one', async () => {
    await writeImages(at('uneven', 'train'), { count: 12, classes: ['dark', 'grey', 'light'] });
    await writeImages(at('uneven', 'test'), { count: 4, classes: ['grey', 'light'] });
    const settings = ['--width', '0.0625', '--side', '16', '--batch', '16', '--epochs', '1', '--cache', at('cache')];
    const run = await contrastive('pretrain', '--data', at('uneven'), ...settings, '--out', at('knn'), '--json');
    expect(run.code).toBe(0);
    const { knn } = JSON.parse(run.stdout);
    expect(knn).toBeGreaterThan(0.8); // classes counted from the test images' own first would give about 0
    expect(readSummary(at('knn')).knn).toBe(knn);
  });

  it('ends in one line with the last good checkpoint if the loss becomes NaN', async () => {
    const explode = [
      '--set',
      'schedule.name=steps',
      '--set',
      'schedule.milestones=[1]',
      '--set',
      'schedule.factor=1e30',
    ];
    const run = await contrastive(...pretrain('nan', ...explode));
    expect(run.code).toBe(1);
    expect(run.errors).toHaveLength(1);
    expect(run.errors[0]).toMatch(
      /^error: The loss became (NaN|Infinity) at step \d+ \(epoch 2\)\. Lower the learning rate/,
    );
    expect(run.errors[0]).toContain(
      `the last good checkpoint is ${at('nan', 'checkpoints', 'step-000000006.safetensors')}`,
    );
    expect(readdirSync(at('nan')).filter((name) => /tmp$|^lock|^encoder|^summary/.test(name))).toEqual([]);
    expect(readdirSync(at('nan', 'checkpoints'))).toEqual(['best.json', 'step-000000006.safetensors']);
  });

  it('starts from the beginning if it was killed before its first checkpoint', async () => {
    const { child, ended } = start(pretrain('early', '--checkpoint-every', '100'));
    while (!existsSync(at('early', 'metrics.jsonl'))) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill('SIGKILL');
    await ended;
    const resumed = await contrastive(...pretrain('early', '--resume'));
    expect(resumed.stderr).toContain('There is no checkpoint yet; starting from the beginning.');
    expect(lossesOf(at('early'))).toEqual(lossesOf(at('whole')));
  });
});
