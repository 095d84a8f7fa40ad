// pnpm watch:soak [minutes] [folder]: a live page of a growing run, in a real browser, for as long as told (default 20 minutes). Memory of
// the server's process and of the page is measured every 5 seconds; it ends with an error if either grows.
import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromiumPath, launch } from '../test/chromium.js';
import { sampleLines, sampleRun } from '../test/sample-run.js';

/** MiB an hour that a slope may be, of a line through the second half of the samples. */
const BOUND = 12;
const EVERY = 5_000;
/** Steps that the run gains between two samples: a hundred times what a training makes, so that minutes stand for hours. */
const STEPS = 400;

if (process.argv[2] === 'serve') await serve(process.argv[3]!);
else await soak(Number(process.argv[2] ?? 20));

/** The server in a process of its own, so that its memory is its own. */
async function serve(folder: string): Promise<void> {
  const { startWatch } = await import('../src/index.js');
  const server = await startWatch({ folder, port: 0 });
  process.on('SIGTERM', () => void server.close());
  console.log(server.url);
}

async function soak(minutes: number): Promise<void> {
  if (chromiumPath === undefined) throw new Error('No Chromium was found.');
  const folder = mkdtempSync(join(tmpdir(), 'watch-soak-'));
  const path = sampleRun(join(folder, 'run'), { isRunning: true, steps: 80 });
  for (let i = 0; i < 49; i++) sampleRun(join(folder, `other-${i}`), { steps: 8 });
  const server = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), 'serve', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const browser = await launch();
  try {
    const url = await new Promise<string>((done) => server.stdout.once('data', (text) => done(String(text).trim())));
    const page = await browser.newPage();
    await page.goto(`${url}runs/run`);
    const list = await browser.newPage();
    await list.goto(url);
    const client = await page.context().newCDPSession(page);
    const samples: { hours: number; server: number; page: number }[] = [];
    const started = Date.now();
    for (let step = 81; Date.now() - started < minutes * 60_000; step += STEPS) {
      const { metrics, records } = sampleLines(step, step + STEPS - 1, { steps: 1e6 });
      appendFileSync(join(path, 'metrics.jsonl'), metrics);
      appendFileSync(join(path, 'records.jsonl'), records);
      await sleep(EVERY);
      await client.send('HeapProfiler.collectGarbage');
      const { usedSize } = await client.send('Runtime.getHeapUsage');
      const sample = { hours: (Date.now() - started) / 3.6e6, server: rssOf(server.pid!), page: usedSize / 2 ** 20 };
      samples.push(sample);
      if (samples.length % 12 === 1) {
        const shown = await page.locator('#runs tbody td').nth(3).textContent();
        console.log(
          `${(60 * sample.hours).toFixed(1)} min: step ${step + STEPS - 1} (shown ${shown}), server ${sample.server.toFixed(0)} MiB, page ${sample.page.toFixed(1)} MiB`,
        );
      }
    }
    const half = samples.slice(samples.length >> 1);
    for (const who of ['server', 'page'] as const) {
      const slope = slopeOf(half.map((s) => [s.hours, s[who]]));
      const isFlat = slope <= BOUND;
      console.log(`${who}: ${slope.toFixed(1)} MiB an hour, ${isFlat ? 'flat' : `more than ${BOUND}`}`);
      if (!isFlat) process.exitCode = 1;
    }
    const stopped = new Promise<number | null>((done) => server.once('close', done));
    const asked = Date.now();
    server.kill('SIGTERM');
    console.log(`The server ended with ${await stopped} after ${Date.now() - asked} ms.`);
  } finally {
    server.kill('SIGKILL');
    await browser.close();
    rmSync(folder, { recursive: true });
  }
}

/** Resident MiB of a process. */
function rssOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

/** Of the least-squares line. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [x, y] = [mean(points.map(([a]) => a)), mean(points.map(([, b]) => b))];
  const above = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return above / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}
