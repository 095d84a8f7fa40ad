import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contrastive, start, temporaryFolder, writeImages } from './command.js';

const temporary = temporaryFolder();
const at = (...parts: string[]) => join(temporary.path, ...parts);

/** A grid of runs of a second each. */
function writeGrid(name: string, more: object): string {
  const grid = {
    ...{ name, data: at('images'), host: 'simclr', methods: ['none', 'ft'], seeds: [1] },
    backbone: { name: 'resnet18', width: 0.0625 },
    settings: { epochs: 1, batch: 8, side: 16, threads: 1, cache: at('cache') },
    ...{ protocols: ['knn'], baselines: ['random'], ...more },
  };
  writeFileSync(at(`${name}.yaml`), JSON.stringify(grid)); // JSON is YAML
  return at(`${name}.yaml`);
}
const bench = (grid: string, out: string, ...more: string[]) =>
  contrastive('bench', grid, '--out', at(out), '--json', ...more);
const statesOf = (stdout: string) =>
  (JSON.parse(stdout) as { records: { status: string; reason?: string }[] }).records.map((r) => r.status);

beforeAll(async () => {
  await writeImages(at('images', 'train'), { count: 10 });
  await writeImages(at('images', 'test'), { count: 4 });
});
afterAll(() => temporary.remove());

describe.concurrent('contrastive bench', () => {
  it('runs every cell, reports the one that fails, and tries only that again', async () => {
    const grid = writeGrid('mixed', { methods: ['none', { name: 'ft', alphaExx: 3 }], baselines: [] });
    const first = await bench(grid, 'mixed');
    expect(first.code, first.stderr).toBe(1);
    expect(statesOf(first.stdout)).toEqual(['done', 'failed']);
    expect(first.stderr).toMatch(/alphaExx is not an option; did you mean alphaEx\?/);
    const { tables } = JSON.parse(first.stdout);
    expect(tables[0].rows.map((r: { label: string }) => r.label)).toEqual(['simclr']);
    expect(readdirSync(at('mixed')).sort()).toEqual(
      ['cells', 'results.csv', 'results.html', 'results.json', 'results.md', 'runs'].sort(),
    );
    expect(readFileSync(at('mixed', 'results.md'), 'utf8')).toContain('| simclr |');
    const second = await bench(grid, 'mixed');
    expect(second.stderr.match(/already done/g)).toHaveLength(1);
    expect(JSON.parse(second.stdout).tables).toEqual(tables);
  });

  it('goes on with a run that was stopped by a signal', async () => {
    const settings = { epochs: 60, checkpointEvery: 60, batch: 8, side: 16, threads: 1, cache: at('cache') };
    const grid = writeGrid('long', { methods: ['none'], baselines: [], settings });
    const { child, ended } = start(['bench', grid, '--out', at('long'), '--json']);
    await firstRun(at('long', 'runs'));
    child.kill('SIGINT');
    const stopped = await ended;
    expect(stopped.code).toBe(130);
    expect(statesOf(stopped.stdout)).toEqual(['pending']);
    const finished = await bench(grid, 'long');
    expect(finished.code, finished.stderr).toBe(0);
    const [run] = readdirSync(at('long', 'runs'));
    const steps = readFileSync(at('long', 'runs', run!, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(steps).toHaveLength(60 * Math.floor(20 / 8));
  });

  it('begins nothing after its time, and ends what takes too long or too much', async () => {
    const late = await bench(writeGrid('late', {}), 'late', '--hours', '0.0000001');
    expect(late.code).toBe(0);
    expect(statesOf(late.stdout)).toEqual(['pending', 'pending', 'pending']);
    expect(late.stderr).toContain('3 runs are left');
    const large = await bench(
      writeGrid('large', { methods: ['none'], baselines: [], budget: { memoryGb: 0.05 } }),
      'large',
    );
    expect(statesOf(large.stdout)).toEqual(['failed']);
    expect(large.stderr).toMatch(/more than 0.05 GB of memory/);
  });

  it('lists its own grids, and the runs of one without running it', async () => {
    const list = await contrastive('bench', '--list');
    for (const name of ['quick', 'cifar-small', 'paper/reco']) expect(list.stdout).toContain(name);
    const dry = await contrastive('bench', 'cifar-small', '--dry-run');
    expect(dry.stdout.trimEnd().split('\n')).toHaveLength(3 * 7);
  });

  it('refuses unknown grids and keys in one line', async () => {
    const missing = await contrastive('bench', 'quik');
    expect([missing.code, missing.errors[0]]).toEqual([
      2,
      expect.stringMatching(/quik is neither a file nor a grid.*quick/),
    ]);
    const wrong = await bench(writeGrid('wrong', { seed: 3 }), 'wrong');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/seed is not an option; did you mean seeds\?/),
    ]);
  });
});

/** Waits until a run has logged steps. */
async function firstRun(folder: string): Promise<void> {
  for (let waited = 0; waited < 120_000; waited += 20) {
    try {
      const [run] = readdirSync(folder);
      if (run !== undefined && readFileSync(join(folder, run, 'metrics.jsonl')).length > 0) return;
    } catch {
      // not there yet
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${folder} has no run after two minutes`);
}
