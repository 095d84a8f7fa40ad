import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunPictures, readRun, renderReport, startWatch } from '../src/index.js';
import { chromiumPath, launch } from './chromium.js';
import { sampleLines, sampleRun } from './sample-run.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
beforeAll(async () => {
  if (chromiumPath !== undefined) browser = await launch();
});
afterAll(() => browser?.close());

interface Look {
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
}

/** A page whose console must stay empty and that must not ask for anything elsewhere. */
async function open(url: string, { width = 1280, scheme = 'light' }: Look = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (line) => complaints.push(line.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (r) => {
    if (!r.url().startsWith('data:') && new URL(r.url()).origin !== new URL(url).origin) complaints.push(r.url());
  });
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}

/** What axe finds. It is run beside the page's scripts, where the page's content policy does not reach. */
async function axe(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  type Axe = { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
  const { violations } = await page.evaluate(() => (globalThis as unknown as Axe).axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`);
}

const image = { width: 4, height: 4, data: new Uint8Array(48).fill(120) };
const pictures: RunPictures = {
  viewPairs: [[image, image]],
  queries: [{ image, label: 'cat', neighbours: [{ image, label: 'dog', similarity: 0.5 }] }],
  map: {
    points: new Float32Array(40).map((_, i) => i % 7),
    labels: new Int32Array(20).map((_, i) => i % 10),
    classNames: [...'abcdefghij'],
    caption: 'By hand.',
  },
};

describe.skipIf(chromiumPath === undefined)('in a browser', () => {
  const write = (): string => {
    const runs = ['a', 'b'].map((name) => readRun(sampleRun(folder(name), { methods: name === 'b' ? ['ft'] : [] })));
    writeFileSync(folder('report.html'), renderReport(runs, { pictures: new Map([[runs[0]!.path, pictures]]) }));
    return `file://${folder('report.html')}`;
  };

  for (const scheme of ['light', 'dark'] as const) {
    for (const width of [1280, 390]) {
      it(`shows a report without a finding of axe, ${scheme}, ${width} pixels wide`, async () => {
        const { page, complaints, close } = await open(write(), { scheme, width });
        expect(await page.locator('figure svg.plot').count()).toBeGreaterThan(20);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        expect(complaints).toEqual([]);
        await page.evaluate(() => {
          for (const d of document.querySelectorAll('details')) d.open = true;
        });
        expect(await axe(page)).toEqual([]);
        await close();
      });
    }
  }

  it('opens the numbers of a plot by keyboard', async () => {
    const { page, close } = await open(write());
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.locator('#P1 summary').focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('#P1-numbers table').isVisible()).toBe(true);
    await close();
  });

  it('shows a run live: new steps arrive, what was opened stays open and the focus stays', async () => {
    const path = sampleRun(folder('runs/a'), { isRunning: true });
    const server = await startWatch({ folder: folder('runs'), port: 0, refresh: 50 });
    const { page, complaints, close } = await open(`${server.url}runs/a`);
    await page.getByText('Live.').waitFor();
    await page.locator('#P1 summary').click();
    appendFileSync(join(path, 'metrics.jsonl'), sampleLines(81, 120).metrics);
    await page.locator('#runs td', { hasText: /^120$/ }).waitFor();
    expect(await page.locator('#P1-numbers table').isVisible()).toBe(true);
    expect(await page.evaluate(() => document.activeElement?.closest('details')?.id)).toBe('P1-numbers');
    expect(await axe(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
    await server.close();
  });

  it('comes back when the server does, with what happened meanwhile', async () => {
    const path = sampleRun(folder('runs/a'), { isRunning: true });
    const server = await startWatch({ folder: folder('runs'), port: 0, refresh: 50 });
    const { page, close } = await open(`${server.url}runs/a`);
    await page.getByText('Live.').waitFor();
    await server.close();
    await page.getByText('The connection was lost; trying again.').waitFor();
    appendFileSync(join(path, 'metrics.jsonl'), sampleLines(81, 120).metrics);
    const again = await startWatch({ folder: folder('runs'), port: Number(new URL(server.url).port), refresh: 50 });
    await page.locator('#runs td', { hasText: /^120$/ }).waitFor();
    await close();
    await again.close();
  });

  it('lists 50 runs, broken and hostile ones, and runs none of their names', async () => {
    for (let i = 0; i < 48; i++) sampleRun(folder('runs', `run-${i}`), { steps: 8 });
    const hostile = '"><img src=x onerror=alert(1)>';
    sampleRun(folder('runs', hostile), { steps: 8 });
    mkdirSync(folder('runs/broken'));
    writeFileSync(folder('runs/broken/config.json'), '{');
    const server = await startWatch({ folder: folder('runs'), port: 0, refresh: 50 });
    const { page, complaints, close } = await open(server.url);
    expect(await page.locator('tbody tr').count()).toBe(50);
    expect(await axe(page)).toEqual([]);
    await page.getByRole('link', { name: hostile }).click();
    await page.locator('#P1').waitFor();
    expect(await page.locator('h1').textContent()).toBe(hostile);
    await page.goto(`${server.url}runs/broken`);
    expect(await page.locator('#runs').textContent()).toContain('config.json cannot be read');
    expect(complaints).toEqual([]);
    await close();
    await server.close();
  });
});
