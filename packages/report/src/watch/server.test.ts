import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { get, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleLines, sampleRun } from '../../test/sample-run.js';
import { temporaryFolder } from '../../test/temporary-folder.js';
import { startWatch, type WatchServer } from './server.js';

const folder = temporaryFolder();
let server: WatchServer;
beforeEach(async () => {
  mkdirSync(folder('runs'));
  server = await startWatch({ folder: folder('runs'), port: 0, refresh: 20 });
});
afterEach(() => server.close());

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** The path goes out as it is: `fetch` would tidy `..` away. */
const ask = (path: string, { method = 'GET', host }: { method?: string; host?: string } = {}): Promise<Answer> =>
  new Promise((done, reject) => {
    const { hostname, port } = new URL(server.url);
    const headers = host === undefined ? {} : { Host: host };
    const sent = request({ hostname, port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => done({ status: response.statusCode, headers: response.headers, text }));
    });
    sent.on('error', reject).end();
  });

/** Collects events until the connection ends. */
function listen(path: string) {
  const events: string[] = [];
  const ended = new Promise<void>((done) => {
    get(new URL(path, server.url), (response) => {
      response.setEncoding('utf8').on('data', (part: string) => events.push(...part.split('\n').filter(Boolean)));
      response.on('close', done);
    });
  });
  return { events, ended };
}

const until = async (condition: () => boolean) => {
  for (let i = 0; i < 250 && !condition(); i++) await sleep(20);
  expect(condition()).toBe(true);
};

describe('the watch server', () => {
  it('listens on this machine only, and serves pages that may load nothing from elsewhere', async () => {
    sampleRun(folder('runs/a'));
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const { status, headers, text } = await ask('/runs/a');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'/);
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(text).toContain('id="P1"');
    expect(text).not.toMatch(/ style=| onload=|<style/);
  });

  it('lists 50 runs, broken ones and hostile names among them, each with a link that works', async () => {
    for (let i = 0; i < 47; i++) sampleRun(folder('runs', `run-${i}`), { steps: 8 });
    for (const name of ['"><script>alert(1)</script>'.replace('/', '∕'), '%2e%2e?#&', 'ünï\u202e code']) {
      sampleRun(folder('runs', name), { steps: 8 });
    }
    mkdirSync(folder('runs/run-0'), { recursive: true });
    writeFileSync(folder('runs/run-0/config.json'), '{');
    rmSync(folder('runs/run-0/metrics.jsonl'));
    const { text } = await ask('/');
    expect(text).toContain('Runs (50)');
    expect(text).toContain('<td>broken</td>');
    expect(text).not.toContain('<script>alert');
    const links = [...text.matchAll(/<a href="(\/runs\/[^"]+)"/g)].map(([, link]) => link!);
    expect(links).toHaveLength(50);
    for (const link of [
      links[0]!,
      ...links.filter((l) => l.includes('%25') || l.includes('script') || l.includes('%C3')),
    ]) {
      expect((await ask(link)).status).toBe(200);
    }
  });

  it('has no page outside the folder', async () => {
    sampleRun(folder('secret'));
    sampleRun(folder('runs/a'));
    symlinkSync(folder('secret'), folder('runs/link'));
    for (const path of [
      '/runs/..%2fsecret',
      '/runs/../secret',
      '/runs/%2e%2e%2fsecret',
      `/runs/${encodeURIComponent(folder('secret'))}`,
      '/runs/link',
      '/runs/a%2f..%2f..%2fsecret',
      '/runs/%',
      '/runs/a%00',
      '/config.json',
      '/runs/a/config.json',
      '//etc/passwd',
    ]) {
      expect([path, (await ask(path)).status]).toEqual([path, 404]);
    }
  });

  it('only reads, and answers only by its own name', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await ask('/', { method })).status).toBe(405);
    expect((await ask('/', { host: 'evil.example' })).status).toBe(403);
    expect((await ask('/', { host: `localhost:${new URL(server.url).port}` })).status).toBe(200);
  });

  it('goes straight to the run where the folder is one', async () => {
    await server.close();
    server = await startWatch({ folder: sampleRun(folder('runs/only one')), port: 0, refresh: 20 });
    expect(await ask('/')).toMatchObject({ status: 302, headers: { location: '/runs/only%20one' } });
  });

  it('tells when a run goes on, and when one appears in the list', async () => {
    const path = sampleRun(folder('runs/a'), { isRunning: true });
    const run = listen('/runs/a/events');
    const list = listen('/list/events');
    await until(() => run.events.length > 0 && list.events.length > 0);
    appendFileSync(join(path, 'metrics.jsonl'), sampleLines(81, 84).metrics);
    await until(() => run.events.includes('event: change') && list.events.includes('event: change'));
    const before = list.events.length;
    sampleRun(folder('runs/b'));
    await until(() => list.events.length > before);
    expect((await ask('/list/panels')).text).toContain('/runs/b');
    expect((await ask('/runs/a/panels')).text).toContain('<td>84</td>');
  });

  it('says 503 beyond 64 open pages and ends all connections when it closes', async () => {
    sampleRun(folder('runs/a'), { steps: 8 });
    const open = Array.from({ length: 64 }, () => listen('/runs/a/events'));
    await until(() => open.every(({ events }) => events.length > 0));
    expect((await ask('/runs/a/events')).status).toBe(503);
    await server.close();
    await Promise.all(open.map(({ ended }) => ended));
    server = await startWatch({ folder: folder('runs'), port: 0 });
  });

  it('says what to do when the port is taken', async () => {
    const port = Number(new URL(server.url).port);
    await expect(startWatch({ folder: folder('runs'), port })).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringContaining(`127.0.0.1:${port} failed`),
      hint: expect.stringContaining('--port'),
    });
  });
});

describe('memory', () => {
  it('does not grow over hundreds of refreshes of a growing run', async () => {
    const path = sampleRun(folder('runs/a'), { isRunning: true });
    const { Library } = await import('./library.js');
    const library = new Library(folder('runs'));
    const go = (rounds: number, from: number) => {
      for (let i = 0; i < rounds; i++) {
        const step = from + 20 * i;
        appendFileSync(join(path, 'metrics.jsonl'), sampleLines(step, step + 19, { steps: 1e6 }).metrics);
        library.read('a');
      }
      const { metrics, arrays } = library.read('a')!;
      return [...metrics.values(), ...arrays.values()].reduce((sum, series) => sum + series.points.length, 0);
    };
    go(400, 81);
    const points = go(400, 8081);
    expect(points).toBeLessThanOrEqual(24 * 512 + 5 * 128);
    expect(library.read('a')!.step).toBe(16_080);
  });
});
