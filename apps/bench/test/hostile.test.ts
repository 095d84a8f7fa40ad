// What comes from outside must not reach a shell or the network, and must not stop a run half way.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../src/run-folder.js';
import { contrastive, firstCheckpoint, lossesOf, readSummary, start, temporaryFolder, writeImages } from './command.js';

const temporary = temporaryFolder();
const at = (...parts: string[]) => join(temporary.path, ...parts);
const pretrain = (data: string, run: string, ...more: string[]) => [
  ...['pretrain', '--data', at(data), '--cache', at('cache'), '--width', '0.0625', '--side', '16', '--batch', '8'],
  ...['--epochs', '2', '--threads', '1', '--no-evaluate', '--out', at(run), ...more],
];

/** Program in front of another that takes the network away from it. @returns undefined, with a printed line, where there is none. */
function withoutNetwork(): readonly string[] | undefined {
  for (const args of [['-n'], ['-rn']]) {
    try {
      execFileSync('unshare', [...args, 'true'], { stdio: 'ignore' });
      return ['unshare', ...args];
    } catch {} // not Linux, or not allowed
  }
  console.log('Skipped: no network namespace can be made here (needs Linux and the right to).');
  return undefined;
}

beforeAll(() => writeImages(at('data', 'train'), { count: 12 }));
afterAll(temporary.remove);

describe.concurrent('a run', { timeout: 480_000 }, () => {
  it('uses no network: training, evaluation and report do without', async ({ skip }) => {
    const within = withoutNetwork();
    if (within === undefined) return skip();
    const trained = await start(pretrain('data', 'offline'), { within }).ended;
    expect(trained.errors).toEqual([]);
    expect(trained.code).toBe(0);
    const evaluate = ['evaluate', at('offline'), '--data', at('data'), '--cache', at('cache'), '--protocols', 'knn'];
    for (const args of [evaluate, ['report', at('offline'), '--out', at('report.html')]]) {
      const ended = await start(args, { within }).ended;
      expect(ended.errors).toEqual([]);
      expect(ended.code).toBe(0);
    }
  });

  it('takes names that a shell would run, or that lead elsewhere, as names', async () => {
    const names = ['$(touch pwned).jpg', '`touch pwned`.jpg', "'; touch pwned; '.jpg", '"|touch pwned".jpg', '-rf.jpg'];
    names.push('line\nbreak.jpg', 'a..\\up.jpg', '\u001b[31mred.jpg', '%2e%2e.jpg');
    await writeImages(at('named', 'train'), { count: 12 });
    for (const [i, name] of names.entries()) {
      renameSync(at('named', 'train', 'dark', `${i}.jpg`), at('named', 'train', 'dark', name));
    }
    renameSync(at('named', 'train', 'light'), at('named', 'train', '$(touch pwned)'));
    writeFileSync(at('named', 'train', 'dark', '$(touch pwned) broken.jpg'), 'no image');
    const run = await contrastive(...pretrain('named', '$(touch pwned) run', '--max-unreadable', '0.1'));
    expect(run.errors).toEqual([]);
    expect(run.code).toBe(0);
    expect(readSummary(at('$(touch pwned) run'))).toMatchObject({ images: 24, skippedImages: 1 });
    const report = await contrastive('report', at('$(touch pwned) run'), '--out', at('named.html'));
    expect(report.code).toBe(0);
    for (const folder of [temporary.path, process.cwd(), at('named', 'train', 'dark')]) {
      expect(existsSync(join(folder, 'pwned'))).toBe(false);
    }
  });

  it('ends with a usable checkpoint if a thread that makes views dies', async () => {
    const thread = fileURLToPath(new URL('./dying-thread.mjs', import.meta.url));
    const env = { NODE_OPTIONS: `--import=${thread}`, DIES_WHEN_FILLED: at('thread', 'checkpoints') };
    const died = await start(pretrain('data', 'thread', '--epochs', '8', '--view-workers', '2'), { env }).ended;
    expect(died.errors).toHaveLength(1);
    expect(died.errors[0]).toMatch(/loader worker [12] of 2 died \(exit code 9\)/);
    expect(died.code).toBe(2);
    const checkpoints = readdirSync(at('thread', 'checkpoints')).filter((name) => name.endsWith('.safetensors'));
    for (const name of checkpoints) readCheckpoint(at('thread', 'checkpoints', name));
    expect(checkpoints.length).toBeGreaterThan(0);
    const resumed = await contrastive('pretrain', '--resume', '--out', at('thread'));
    expect(resumed.code).toBe(0);
    expect(lossesOf(at('thread'))).toHaveLength(24);
  });

  it('shares its folder with no other: of two that start at once, one runs', async () => {
    const runs = await Promise.all([0, 1].map(() => contrastive(...pretrain('data', 'shared'))));
    expect(runs.map(({ code }) => code).sort()).toEqual([0, 2]);
    expect(runs.find(({ code }) => code === 2)!.errors[0]).toMatch(
      /is in use by process|already holds a run|is being taken/,
    );
    expect(lossesOf(at('shared'))).toHaveLength(6);
  });

  it('says when the images are not those that it began with', async () => {
    await writeImages(at('changing', 'train'), { count: 12 });
    const { child, ended } = start(pretrain('changing', 'changed', '--epochs', '200'));
    await firstCheckpoint(at('changed'));
    await writeImages(at('changing', 'train'), { count: 12, size: () => [22, 22] }); // read whole before: the run does not see it
    child.kill('SIGTERM');
    expect((await ended).code).toBe(143);
    const resumed = start(['pretrain', '--resume', '--out', at('changed')]);
    resumed.child.stderr!.on(
      'data',
      (text: string) => text.includes('Going on after step') && resumed.child.kill('SIGKILL'),
    );
    const { stderr, signal } = await resumed.ended;
    expect(signal).toBe('SIGKILL');
    expect(stderr).toContain('The images are not those that this run began with');
  });
});
