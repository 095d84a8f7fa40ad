import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeBackbone, makeHost, makeMethod } from '../catalogue.js';
import type { ResultRow } from '../evaluation/result.js';
import { GRIDS } from '../locations.js';
import { toConfig } from '../run-options.js';
import { type Cell, cellsOf } from './cells.js';
import { htmlOf } from './html.js';
import { csvOf, markdownOf, terminalText } from './outputs.js';
import type { CellRecord } from './run-grid.js';
import { parseGrid, readGrid } from './schema.js';
import { summarize } from './summary.js';
import { resultsOf } from './tables.js';

const MINIMAL = { name: 'g', data: 'photos', methods: ['none', 'reco', 'reco+ft', { name: 'ft', alphaEx: 3 }] };
const grid = (more: object = {}) => parseGrid({ ...MINIMAL, ...more }, 'g.yaml');

describe('parseGrid', () => {
  it('takes one of a thing or a list, and names methods in every form', () => {
    const { data, host, methods, seeds } = grid({ host: { name: 'moco', temperature: 0.1 } });
    expect([data, host, seeds]).toEqual([['photos'], [{ name: 'moco', temperature: 0.1 }], [1, 2, 3]]);
    expect(methods).toEqual([[], [{ name: 'reco' }], [{ name: 'reco' }, { name: 'ft' }], [{ name: 'ft', alphaEx: 3 }]]);
  });

  it.each([
    [{ metods: [] }, /g\.yaml: metods is not an option; did you mean methods\?/],
    [{ budget: { hour: 1 } }, /budget\.hour is not an option; did you mean hours\?/],
    [{ settings: { epoch: 1 } }, /settings\.epoch is not an option; did you mean epochs\?/],
    [{ settings: { seed: 1 } }, /settings\.seed: the grid sets it/],
    [{ protocols: ['kn'] }, /no protocol called kn; Did you mean knn/],
    [{ seeds: [1, 1] }, /a seed is named twice/],
    [{ seeds: [] }, /seeds: /],
    [{ methods: [] }, /methods: /],
    [{ baselines: ['pixel'] }, /baselines\.0: /],
    [{ data: undefined }, /data: /],
  ])('refuses %o in words', (wrong, message) => {
    expect(() => grid(wrong)).toThrow(message);
  });
});

describe('cellsOf', () => {
  it('makes every combination, seed by seed, with one baseline cell a network and pixels once', () => {
    const cells = cellsOf(grid({ seeds: [1, 2], data: ['a', 'b'], host: ['moco', 'simclr'], methods: ['none', 'ft'] }));
    expect(cells).toHaveLength(2 * 2 * (1 + 2 * 2));
    expect(new Set(cells.map((c) => c.id)).size).toBe(cells.length);
    expect(cells.slice(0, cells.length / 2).every((c) => c.seed === 1)).toBe(true);
    const baselines = cells.filter((c) => c.kind === 'baseline').map((c) => c.evaluation.join(' '));
    expect(baselines.filter((text) => text.includes('pixels'))).toHaveLength(2);
    expect(baselines.every((text) => text.includes('supervised'))).toBe(true);
    expect(cells.find((c) => c.kind === 'baseline')!.config).toMatchObject({ epochs: 0, methods: [], seed: 1 });
  });

  it('gives another configuration another folder, and the same one the same', () => {
    const ids = (more: object) => cellsOf(grid({ seeds: [1], ...more })).map((c) => c.id);
    expect(ids({})).toEqual(ids({}));
    expect(ids({ settings: { epochs: 3 } })[1]).not.toBe(ids({})[1]);
    expect(ids({ protocols: ['ridge'] })).toEqual(ids({}));
  });

  it('refuses settings that no run could have', () => {
    expect(() => cellsOf(grid({ settings: { epochs: -1 } }))).toThrow(/epochs/);
  });
});

const cell = (methods: string, seed: number, kind: Cell['kind'] = 'method'): Cell => ({
  ...{ id: `${methods}${seed}`, kind, data: 'photos', backbone: 'resnet18', host: 'moco', methods, seed },
  ...{ config: {}, preset: undefined, evaluation: [] },
});

function record(c: Cell, value: number, more: Partial<ResultRow> = {}): CellRecord {
  const row: ResultRow = {
    encoder: 'trained',
    protocol: 'knn',
    name: 'kNN',
    metric: 'top-1',
    value,
    isShare: true,
    n: 400,
    ...more,
  };
  const evaluation = {
    encoder: { path: 'e', sha256: 'h', backbone: 'resnet18', side: 32 },
    data: { location: 'photos', fingerprints: [], classes: [], train: 1000, test: 400 },
    ...{ backend: 'TensorFlow', seed: 1, notes: [], results: [row] },
  };
  return { cell: c, status: 'done', cost: { seconds: 60, imagesPerSecond: 100, peakMemoryMb: 500 }, evaluation };
}

// Differences to the host: reco 1, 2, 3 points (t = 2/(1/√3) = 3.4641, p = 0.0742); ft −1, 1, 0 (p = 1).
const records = [
  record(cell('none', 1, 'baseline'), 0.2),
  ...[0.5, 0.52, 0.54].map((value, i) => record(cell('none', i + 1), value)),
  ...[0.51, 0.54, 0.57].map((value, i) => record(cell('reco', i + 1), value)),
  ...[0.49, 0.53, 0.54].map((value, i) => record(cell('ft', i + 1), value)),
];

describe('summarize', () => {
  const [table] = summarize(records);
  const rowOf = (label: string) => table!.rows.find((row) => row.label === label)!;

  it('gives mean, deviation and Student interval over seeds', () => {
    const { mean, std, halfWidth, count } = rowOf('moco').summary;
    expect([mean, std, count]).toEqual([expect.closeTo(0.52), expect.closeTo(0.02), 3]);
    expect(halfWidth).toBeCloseTo((4.302653 * 0.02) / Math.sqrt(3), 6);
  });

  it('compares seed by seed with the host alone, corrected for the number of methods', () => {
    const { summary, pValue, adjusted } = rowOf('moco + reco').difference!;
    expect(summary.mean).toBeCloseTo(0.02, 10);
    expect(pValue).toBeCloseTo(0.0742, 4);
    expect(adjusted).toBeCloseTo(2 * 0.0742, 3);
    expect(rowOf('moco + ft').difference).toMatchObject({ pValue: expect.closeTo(1), adjusted: expect.closeTo(1) });
  });

  it('calls the untrained network by its name and compares it with nothing', () => {
    expect(rowOf('random initialisation')).not.toHaveProperty('difference');
  });

  it('pairs only seeds that both have, and tests nothing below two', () => {
    const [short] = summarize([
      record(cell('none', 1), 0.5),
      record(cell('reco', 1), 0.6),
      record(cell('reco', 2), 0.9),
    ]);
    const { difference, summary } = short!.rows[1]!;
    expect(summary.count).toBe(2);
    expect(difference).toMatchObject({ summary: { mean: expect.closeTo(0.1), count: 1 }, pValue: undefined });
  });

  it('does not call equal differences certain: they come from counting few images', () => {
    const same = [1, 2].flatMap((s) => [record(cell('none', s), 0.5 + s / 10), record(cell('reco', s), 0.6 + s / 10)]);
    expect(summarize(same)[0]!.rows[1]!.difference).toMatchObject({ pValue: undefined, adjusted: undefined });
    const [table] = summarize([1, 2].map((s) => record(cell('none', s), 0.211)));
    expect(table!.rows[0]!.summary).toMatchObject({ mean: 0.211, halfWidth: undefined, count: 2 });
  });

  it('leaves failed runs out', () => {
    const failed: CellRecord = { cell: cell('ft', 1), status: 'failed', reason: 'it diverged' };
    expect(summarize([...records.slice(0, 4), failed])[0]!.rows.map((r) => r.label)).toEqual([
      'random initialisation',
      'moco',
    ]);
  });
});

describe('outputs', () => {
  const failed: CellRecord = { cell: cell('<b>|x', 1), status: 'failed', reason: 'it "died", & more' };
  const results = resultsOf(grid({ name: 'A & <b>' }), [...records, failed]);

  it('say the same in Markdown and for a terminal', () => {
    const markdown = markdownOf(results);
    expect(markdown).toContain(
      '| moco + reco | 54.00 % | 3.00 | 46.55 to 61.45 | 3 | +2.00 | -0.48 to +4.48 | 0.074 | 0.148 |',
    );
    expect(markdown).toContain('1 runs failed and 0 are missing');
    expect(markdown).toContain('\\<b\\>\\|x');
    expect(terminalText(results)).toContain('failed: it "died", & more');
  });

  it('escape names in HTML, which needs no network', () => {
    const html = htmlOf(results);
    expect(html).toContain('<title>A &amp; &lt;b&gt;</title>');
    expect(html).not.toContain('<b>|x');
    expect(html).not.toMatch(/<script|https?:|src=/);
    expect(html.match(/<circle/g)).toHaveLength(4);
  });

  it('have one line a number in CSV, safe for spreadsheets', () => {
    const lines = csvOf(resultsOf(grid(), [record(cell('=1+1', 1), 0.5, { name: 'a, "b"' })]))
      .trimEnd()
      .split('\n');
    expect(lines[1]).toBe(`photos,resnet18,moco,'=1+1,method,1,trained,"a, ""b""",top-1,0.5,,,400`);
    expect(lines).toHaveLength(2);
  });
});

describe('the grids that come with the program', () => {
  const files = readdirSync(GRIDS, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'));

  it.each(files)('%s holds runs that can be made', (file) => {
    for (const { config: fields, preset } of cellsOf(readGrid(join(GRIDS, file)))) {
      const config = toConfig({ fields, preset, settings: [] });
      makeHost(config.host, makeBackbone(config.backbone, config.side));
      for (const method of config.methods) makeMethod(method);
    }
  });
});
