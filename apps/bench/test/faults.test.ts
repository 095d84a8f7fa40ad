import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SslError } from '@contrastive/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applySetting, parseConfig } from '../src/config.js';
import { contrastive, firstCheckpoint, lossesOf, readSummary, start, temporaryFolder, writeImages } from './command.js';
import { killRuns } from './kills.js';

const temporary = temporaryFolder();
const at = (...parts: string[]) => join(temporary.path, ...parts);
const pretrain = (run: string, data: string, ...more: string[]) => [
  ...['pretrain', '--data', at(data), '--cache', at('cache'), '--host', 'moco', '--width', '0.0625', '--side', '16'],
  ...['--batch', '8', '--epochs', '12', '--threads', '1', '--no-evaluate', '--out', at(run), ...more],
];
const divergent = ['schedule.name=steps', 'schedule.milestones=[1]', 'schedule.factor=1e30'].flatMap((s) => [
  '--set',
  s,
]);

beforeAll(() => writeImages(at('data', 'train'), { count: 12 }));
afterAll(temporary.remove);

describe.concurrent('a run', () => {
  it('survives kill -9 at any moment, also while a checkpoint is written', async () => {
    const { kills, duringWrites } = await killRuns({ moments: 4, seed: 3, epochs: 8 });
    expect(kills).toBe(4);
    expect(duringWrites).toBeGreaterThan(0);
  }, 480_000);

  it('does not need the images any more once it has begun, and says what is missing when it is resumed', async () => {
    await writeImages(at('passing', 'train'), { count: 12 });
    const { child, ended } = start(pretrain('passing-run', 'passing'));
    await firstCheckpoint(at('passing-run'));
    rmSync(at('passing'), { recursive: true });
    expect((await ended).code).toBe(0);
    expect(child.exitCode).toBe(0);
    expect(lossesOf(at('passing-run'))).toHaveLength(36);
    const resumed = await contrastive('pretrain', '--resume', '--out', at('passing-run'));
    expect(resumed.code).not.toBe(0);
    expect(resumed.errors).toHaveLength(1);
    expect(resumed.errors[0]).toContain(at('passing'));
  });

  it('stops at SIGTERM within five seconds, with a checkpoint and exit code 143', async () => {
    const { child, ended } = start(pretrain('terminated', 'data', '--epochs', '2000', '--json'));
    await firstCheckpoint(at('terminated'));
    const asked = performance.now();
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect(code).toBe(143);
    expect(performance.now() - asked).toBeLessThan(5000);
    const { steps } = JSON.parse(stdout);
    expect(readdirSync(at('terminated', 'checkpoints'))).toContain(
      `step-${String(steps).padStart(9, '0')}.safetensors`,
    );
  });

  it('gives up after ten skipped steps in a row, none of them kept', async () => {
    const run = await contrastive(...pretrain('skipping', 'data', ...divergent, '--on-divergence', 'skip'));
    expect(run.code).toBe(1);
    expect(run.errors[0]).toContain('after 10 skipped steps in a row');
    expect(lossesOf(at('skipping')).filter((loss) => loss === null).length).toBe(9);
  });

  it('skips what is over the gradient limit and ends well', async () => {
    const limit = ['--on-divergence', 'skip', '--max-gradient-norm', '1e6'];
    const run = await contrastive(...pretrain('limited', 'data', ...limit));
    expect(run.errors).toEqual([]);
    expect(run.code).toBe(0);
    expect(readSummary(at('limited')).status).toBe('done');
  });

  it('goes back three times with half the rate before it gives up', async () => {
    const run = await contrastive(...pretrain('back', 'data', ...divergent, '--on-divergence', 'rollback'));
    expect(run.code).toBe(1);
    for (const factor of [0.5, 0.25, 0.125]) expect(run.stderr).toContain(`with ${factor} of the learning rate`);
    expect(run.errors[0]).toContain('the last good checkpoint is');
    expect(existsSync(at('back', 'checkpoints', 'step-000000003.safetensors'))).toBe(true);
  });
});

describe('the configuration reader', () => {
  const onlyOurErrors = (read: () => void) => {
    try {
      read();
    } catch (error) {
      expect(error).toBeInstanceOf(SslError);
    }
  };

  it('takes or refuses anything, with an error of ours', () => {
    fc.assert(fc.property(fc.anything(), (value) => onlyOurErrors(() => parseConfig(value, () => 'x'))));
    const field = fc.record({
      data: fc.anything(),
      host: fc.anything(),
      methods: fc.anything(),
      epochs: fc.anything(),
    });
    fc.assert(fc.property(field, (value) => onlyOurErrors(() => parseConfig(value, () => 'x'))));
  });

  it('takes or refuses any setting, and leaves the prototype of objects alone', () => {
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.string(), fc.string()).map(([path, value]) => `${path}=${value}`),
    );
    fc.assert(fc.property(text, (setting) => onlyOurErrors(() => applySetting({}, setting))));
    onlyOurErrors(() => applySetting({}, '__proto__.polluted=1'));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
