import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contrastive, type Ended, readSummary, temporaryFolder, writeImages } from './command.js';

const temporary = temporaryFolder();
const at = (...parts: string[]) => join(temporary.path, ...parts);
const mounted: string[] = [];

/** As root a small disk can be made, and only as root it has to be. @returns false, with a printed line, where it cannot. */
function mountDisk(folder: string, options: string): boolean {
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' });
    mounted.push(folder);
    return true;
  } catch {
    console.log(`Skipped: no small disk can be mounted at ${folder} (needs root on Linux).`);
    return false;
  }
}

const pretrain = (data: string, run: string, ...more: string[]) =>
  contrastive(
    'pretrain',
    ...['--data', at(data), '--cache', at('cache'), '--out', run, '--threads', '1', '--no-evaluate'],
    ...['--width', '0.0625', '--side', '16', '--batch', '8', '--epochs', '1', '--host', 'simclr', ...more],
  );

/** One line on standard error, the given exit code, and nothing on the disk. */
function expectOneLine(ended: Ended, run: string, parts: readonly (string | RegExp)[], code = 2): void {
  expect(ended.errors, ended.stderr).toHaveLength(1);
  for (const part of parts) expect(ended.errors[0]).toMatch(part);
  expect(ended.stderr.trimEnd().split('\n').at(-1)).toBe(ended.errors[0]);
  expect(ended.stdout).toBe('');
  expect(ended.code).toBe(code);
  expect(existsSync(run)).toBe(false);
}

beforeAll(async () => {
  await writeImages(at('good'), { count: 10 });
  mkdirSync(at('empty'));
  await writeImages(at('one'), { count: 1, classes: ['only'] });
});

afterAll(() => {
  for (const folder of mounted) execFileSync('umount', [folder]);
  temporary.remove();
});

describe.concurrent('bad data', () => {
  it('refuses a path that does not exist', async () => {
    expectOneLine(await pretrain('nowhere', at('r1')), at('r1'), [at('nowhere'), 'Check the path']);
  });

  it('refuses an empty folder', async () => {
    expectOneLine(await pretrain('empty', at('r2')), at('r2'), [at('empty'), 'No images were found', 'JPEG, PNG']);
  });

  it('refuses a single image', async () => {
    expectOneLine(await pretrain('one', at('r3')), at('r3'), ['There is 1 image in', at('one'), 'at least 2 images']);
  });

  it('refuses a batch larger than the data set, and names one that fits', async () => {
    const ended = await pretrain('good', at('r4'), '--batch', '64');
    expectOneLine(ended, at('r4'), ['There are 20 images', 'one step of 64', '--batch 16 or smaller']);
  });

  it('takes images of mixed sizes, without test images or splits', async () => {
    await writeImages(at('mixed'), { count: 8, size: (i) => [3 + 17 * i, 90 - 11 * i] });
    const ended = await pretrain('mixed', at('r5'), '--epochs', '1');
    expect(ended.errors).toEqual([]);
    expect(ended.code).toBe(0);
    expect(readSummary(at('r5'))).toMatchObject({ steps: 2, skippedImages: 0 });
  });

  it('skips damaged images, counts them and lists them at the end', async () => {
    await writeImages(at('damaged'), { count: 10 });
    truncateSync(at('damaged', 'dark', '3.jpg'), 300);
    writeFileSync(at('damaged', 'light', '7.jpg'), 'no image');
    const refused = await pretrain('damaged', at('r6'));
    expectOneLine(refused, at('r6'), ['2 of 20 images cannot be used', '1 %', /dark\/3\.jpg/, '--max-unreadable']);
    const taken = await pretrain('damaged', at('r6'), '--max-unreadable', '0.1');
    expect(taken.code).toBe(0);
    expect(taken.stdout).toContain('18 (2 skipped)');
    expect(taken.stderr).toMatch(/2 images were skipped:\n {2}dark\/3\.jpg: .+\n {2}light\/7\.jpg: .+/);
    expect(readSummary(at('r6')).skipped.map(({ name }) => name)).toEqual(['dark/3.jpg', 'light/7.jpg']);
  });
});

describe.concurrent('parts that do not exist or do not fit', () => {
  it('suggests the nearest name of a method, host, backbone or recipe', async () => {
    expectOneLine(await pretrain('good', at('r7'), '--methods', 'rec'), at('r7'), ['no method called rec', 'reco?']);
    expectOneLine(await pretrain('good', at('r7'), '--host', 'simclear'), at('r7'), ['no host', 'Did you mean simclr']);
    expectOneLine(await pretrain('good', at('r7'), '--backbone', 'resnet81'), at('r7'), ['no backbone', 'resnet18']);
    expectOneLine(await pretrain('good', at('r7'), '--recipe', 'lightlyCifer'), at('r7'), [
      'Did you mean lightlyCifar',
    ]);
  });

  it('refuses a queue that is no multiple of the batch', async () => {
    const ended = await pretrain('good', at('r8'), '--host', 'moco', '--set', 'host.queueSize=12');
    expectOneLine(ended, at('r8'), ['queueSize is 12', 'multiple of the 8', 'Set queueSize to 8 or 16']);
  });

  it('refuses W-MSE slices smaller than twice the embedding', async () => {
    const ended = await pretrain(
      'good',
      at('r9'),
      '--methods',
      'wmse',
      '--set',
      'host.dim=8',
      '--set',
      'wmse.sliceSize=8',
    );
    expectOneLine(ended, at('r9'), [
      /\[wmse\] sliceSize is 8/,
      /to whiten the embedding's \d+ features/,
      'set sliceSize',
    ]);
  });

  it('says what a host lacks for a method, and which hosts have it', async () => {
    const ended = await pretrain('good', at('r10'), '--host', 'byol', '--methods', 'ft', '--set', 'ft.target=neg');
    expectOneLine(ended, at('r10'), [
      'no term of this host has any',
      /Hosts that fit: [\w, ]*\bmoco\b[\w, ]* \(--host\)/,
    ]);
    const listed = /Hosts that fit: ([^(]*) \(/.exec(ended.errors[0]!)![1]!.split(', ');
    expect(listed).toContain('simclr');
    expect(listed).not.toContain('byol');
    expect(listed).not.toContain('simsiam');
  });

  it('refuses unknown flags, keys and values, each by one line', async () => {
    expectOneLine(await contrastive('pretrain', '--hots', 'moco'), at('r11'), ["unknown option '--hots'", '--host']);
    writeFileSync(at('bad.yaml'), 'bacth: 64\n');
    const unknownKey = await pretrain('good', at('r11'), '--config', at('bad.yaml'));
    expectOneLine(unknownKey, at('r11'), [at('bad.yaml'), 'bacth is not an option; did you mean batch?']);
    expectOneLine(await pretrain('good', at('r11'), '--epochs', '1.5'), at('r11'), ['--epochs', 'epochs: ']);
    expectOneLine(await pretrain('good', at('r11'), '--set', 'hots.dim=3'), at('r11'), ['hots', 'Did you mean host']);
    const unknownOption = await pretrain('good', at('r11'), '--set', 'host.temprature=0.1');
    expectOneLine(unknownOption, at('r11'), ['temprature', 'temperature']);
    expectOneLine(await contrastive('pretrian'), at('r11'), ["unknown command 'pretrian'", 'pretrain']);
  });

  it('reports an error as one JSON line with --json', async () => {
    const ended = await pretrain('good', at('r12'), '--methods', 'rec', '--json');
    expect(ended.code).toBe(2);
    const { error } = JSON.parse(ended.stderr);
    expect(error).toEqual({
      code: 'BAD_OPTION',
      message: 'There is no method called rec.',
      hint: 'Did you mean reco?',
    });
  });
});

describe.concurrent('a run folder that cannot be used', () => {
  it('is left alone if it holds a run, or if another process works in it', async () => {
    mkdirSync(at('taken'));
    writeFileSync(at('taken', 'config.json'), '{}');
    const taken = await pretrain('good', at('taken'));
    expect(taken.errors).toEqual([
      `error: ${at('taken')} already holds a run. Give another --out, or go on with that run by --resume.`,
    ]);
    expect(taken.code).toBe(2);
    expect(readdirSync(at('taken'))).toEqual(['config.json']);
    mkdirSync(at('busy'));
    const lock = JSON.stringify({ pid: process.pid, host: hostname() });
    writeFileSync(at('busy', 'lock.json'), lock);
    const busy = await pretrain('good', at('busy'));
    expect(busy.errors).toHaveLength(1);
    expect(busy.errors[0]).toMatch(`in use by process ${process.pid} on ${hostname()}`);
    expect(busy.code).toBe(2);
    expect(readFileSync(at('busy', 'lock.json'), 'utf8')).toBe(lock);
  });

  it('refuses to resume what is no run, or with another configuration', async () => {
    const none = await contrastive('pretrain', '--resume', '--out', at('no-run'));
    expectOneLine(none, at('no-run'), ['holds no run to go on with', 'without --resume'], 1);
    mkdirSync(at('started'));
    writeFileSync(at('started', 'config.json'), JSON.stringify({ data: at('good'), epochs: 3 }));
    const other = await contrastive('pretrain', '--resume', '--out', at('started'), '--epochs', '4');
    expect(other.errors[0]).toMatch('epochs is 3 there, 4 here');
    expect(other.code).toBe(2);
  });

  it('cannot lie in a file or in a read-only folder', async () => {
    const inFile = await pretrain('good', at('bad-file', 'run'));
    expect(inFile.code).toBe(1);
    expect(inFile.errors[0]).toMatch(/Making the run folder .*bad-file.* failed: .*\. A part of the path is a file/);
    if (process.getuid?.() === 0) {
      if (!mountDisk(at('readonly'), 'ro,size=1m')) return;
    } else {
      mkdirSync(at('readonly'));
      chmodSync(at('readonly'), 0o555);
    }
    const readOnly = await pretrain('good', at('readonly', 'run'));
    expectOneLine(readOnly, at('readonly', 'run'), [at('readonly', 'run'), 'choose another folder'], 1);
  });

  it('keeps its last checkpoint when the disk is full, and no half file', async () => {
    if (!mountDisk(at('small'), 'size=4m')) return;
    const run = at('small', 'run');
    const full = await pretrain('good', run, '--epochs', '12', '--keep-checkpoints', '12');
    expect(full.errors).toHaveLength(1);
    expect(full.errors[0]).toMatch(/Writing .* failed: ENOSPC.*Free some space/);
    expect(full.code).toBe(1);
    expect(readdirSync(run).filter((name) => /tmp$|^lock|^encoder|^summary/.test(name))).toEqual([]);
    expect(
      readdirSync(join(run, 'checkpoints')).every((name) => name === 'best.json' || name.endsWith('.safetensors')),
    ).toBe(true);
    writeFileSync(at('small', 'filler'), '');
    const none = await pretrain('good', at('small', 'filler'));
    expect(none.errors[0]).toMatch('choose another folder');
  });
});

beforeAll(() => writeFileSync(at('bad-file'), ''));
