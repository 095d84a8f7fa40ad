import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { type SampleOptions, sampleRun } from '../../test/sample-run.js';
import { temporaryFolder } from '../../test/temporary-folder.js';
import { tick } from '../plots/render.js';
import { readRun } from '../run/run-reader.js';
import { escapeHtml, html } from './html.js';
import { renderReport } from './page.js';
import type { RunPictures } from './pictures.js';

const folder = temporaryFolder();
const read = (name: string, options?: SampleOptions) => readRun(sampleRun(folder(name), options), name);
const documentOf = (text: string) => parseHTML(text).document;

const HOSTILE = `<img src=x onerror=alert(1)>"'&</script>\u202egnp`;

describe('html', () => {
  it('escapes what is inserted, not markup, and joins lists', () => {
    expect(html`<p title="${'"'}">${['<', html`<b>${'&'}</b>`]}${undefined}${false}${0}</p>`.text).toBe(
      '<p title="&quot;">&lt;<b>&amp;</b>0</p>',
    );
  });

  it('replaces control characters and those that turn the text around', () => {
    expect(escapeHtml('a\0b\u202ec\nd\ud800')).toBe('a\ufffdb\ufffdc\nd\ufffd');
  });
});

describe('renderReport', () => {
  it('draws P1 to P7, heat maps, losses, spread and speed, each with its numbers', () => {
    const page = documentOf(renderReport([read('a')]));
    const ids = [...page.querySelectorAll('figure')].map((f) => f.id);
    expect(ids).toEqual(
      expect.arrayContaining([
        'P1',
        'P2',
        'P3',
        'P4-1',
        'P4-2',
        'P4-3',
        'P5',
        'P6',
        'P7',
        'heat-0-raw-pos',
        'heat-0-raw-neg',
      ]),
    );
    expect(ids).toEqual(
      expect.arrayContaining([
        'loss-total',
        'loss-term-1',
        'learning-rate',
        'rank',
        'spectrum',
        'purity',
        'push',
        'memory',
      ]),
    );
    for (const figure of page.querySelectorAll('figure')) {
      expect(figure.querySelector('svg')?.getAttribute('role')).toBe('img');
      expect(figure.querySelector('svg')?.getAttribute('aria-label')).toMatch(/\w{3}/);
      expect(figure.querySelector('table')).not.toBeNull();
    }
    const all = [...page.querySelectorAll('[id]')].map((e) => e.id);
    expect(new Set(all).size).toBe(all.length);
  });

  it('shows scores before and after where methods edit them', () => {
    const page = documentOf(renderReport([read('a', { methods: ['ft'] })]));
    expect(page.querySelector('#edited-posMean')).not.toBeNull();
    expect(page.querySelector('#heat-0-transformed-neg')).not.toBeNull();
    expect(page.querySelector('#runs table')?.textContent).toContain('moco + ft');
  });

  it('compares before and after for the runs with methods only, in the colour of each', () => {
    const page = documentOf(renderReport([read('plain'), read('edited', { methods: ['ft'] })]));
    const legend = [...page.querySelectorAll('#edited-posMean .legend li')];
    expect(legend.map((li) => li.textContent)).toEqual(['edited, before', 'edited, after']);
    expect(legend.map((li) => li.querySelector('path')?.getAttribute('stroke'))).toEqual([
      'var(--run-2)',
      'var(--run-2)',
    ]);
  });

  it('shows which share of the gradient the hardest negative gets', () => {
    const page = documentOf(renderReport([read('a')]));
    const cells = [...page.querySelectorAll('#hardest-numbers td')].map((td) => td.textContent);
    expect(cells[1]).toBe('0.25');
  });

  it('writes ticks short', () => {
    expect([0, 0.99, -0.2, 0.000015000000000000002, 120000].map(tick)).toEqual([
      '0',
      '0.99',
      '−0.2',
      '1.5e−5',
      '1.2e5',
    ]);
  });

  it('compares up to eight runs, in colours and dashes of their own', () => {
    const runs = Array.from({ length: 8 }, (_, i) => read(`run-${i}`, { rank: 10 + i }));
    const page = documentOf(renderReport(runs));
    const strokes = [...page.querySelectorAll('#P1 svg path')].map(
      (p) => p.getAttribute('stroke') ?? p.parentElement?.getAttribute('stroke'),
    );
    for (let i = 1; i <= 8; i++) expect(strokes).toContain(`var(--run-${i})`);
    expect(() => renderReport([...runs, runs[0]!])).toThrow(/1 to 8 runs, but 9/);
    expect(() => renderReport([])).toThrow(/0 were given/);
  });

  it('needs nothing from outside and lets nothing run', () => {
    const text = renderReport([read('a')]);
    const page = documentOf(text);
    expect(page.querySelectorAll('script, link, iframe, object').length).toBe(0);
    for (const e of page.querySelectorAll('*')) {
      expect(e.getAttribute('style')).toBeNull();
      expect(e.getAttribute('src') ?? 'data:').toMatch(/^data:/);
      expect(e.getAttribute('href') ?? '#').toMatch(/^(#|data:image\/png;base64,)/);
    }
    expect(text).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
    expect(page.querySelector('meta[http-equiv]')?.getAttribute('content')).toMatch(
      /^default-src 'none'; style-src 'sha256-/,
    );
  });

  it('shows hostile names as text', () => {
    const run = { ...read('a'), name: HOSTILE, config: { host: HOSTILE, [HOSTILE]: { [HOSTILE]: HOSTILE } } };
    const page = documentOf(renderReport([run, read('b')]));
    expect(page.querySelectorAll('script, [onerror], img').length).toBe(0);
    expect(page.querySelector('h1')?.textContent).toContain('<img src=x onerror=alert(1)>"\'&</script>\ufffdgnp');
  });

  it('shows what there is of a broken run', () => {
    const broken = readRun(folder('nothing'), 'nothing');
    const page = documentOf(renderReport([broken]));
    expect(page.querySelector('#runs')?.textContent).toContain('There are no metrics yet.');
    expect(page.querySelector('#verdicts')?.textContent).toContain('too early to say');
    expect(page.querySelector('figure')).toBeNull();
  });

  it('shows pictures: pairs of views, neighbours with their classes, and a map', () => {
    const run = read('a');
    const image = { width: 2, height: 2, data: new Uint8Array(12).fill(99) };
    const pictures: RunPictures = {
      viewPairs: [[image, image]],
      queries: [
        {
          image,
          label: 'cat',
          neighbours: [
            { image, label: 'cat', similarity: 0.9 },
            { image, label: 'dog', similarity: 0.5 },
          ],
        },
      ],
      map: {
        points: new Float32Array([0, 0, 1, 1, 2, 0]),
        labels: [0, 1, -1],
        classNames: ['cat', 'dog'],
        caption: 'By hand.',
      },
    };
    const page = documentOf(renderReport([run], { pictures: new Map([[run.path, pictures]]) }));
    const alts = [...page.querySelectorAll('img')].map((i) => i.getAttribute('alt'));
    expect(alts).toEqual([
      'image 1, view 1',
      'image 1, view 2',
      'query 1, cat',
      'cat, cosine 0.90',
      'dog, cosine 0.50',
    ]);
    expect(page.querySelectorAll('#umap-0 circle, #umap-0 path').length).toBeGreaterThanOrEqual(3);
  });
});
