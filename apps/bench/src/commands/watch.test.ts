import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../test/command.js';
import { main } from '../cli.js';

const temporary = temporaryFolder();
afterAll(temporary.remove);
afterEach(() => vi.restoreAllMocks());

/** Starts the command in this process. @returns the address that it prints, and its exit code to come. */
async function watch(...args: readonly string[]) {
  const printed: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
  const code = main(['watch', ...args]);
  for (let waited = 0; printed.length === 0 && waited < 5000; waited += 10) await sleep(10);
  return { url: printed[0]?.split(' at ')[1], code };
}

describe('contrastive watch', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`serves the runs of a folder on this machine until ${signal}, and leaves no connection behind`, async () => {
      const run = join(temporary.path, signal, 'a run');
      mkdirSync(run, { recursive: true });
      writeFileSync(join(run, 'config.json'), '{"host":{"name":"moco"}}');
      const { url, code } = await watch(join(temporary.path, signal), '--port', '0');
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
      expect(await (await fetch(url!)).text()).toContain('href="/runs/a%20run"');
      const events = await fetch(new URL('/list/events', url));
      process.kill(process.pid, signal);
      expect(await code).toBe(0);
      await expect(events.text()).resolves.toContain('retry');
      await expect(fetch(url!)).rejects.toThrow();
    });
  }

  it('says when there is no such folder', async () => {
    const notices: string[] = [];
    vi.spyOn(console, 'error').mockImplementation((line: string) => void notices.push(line));
    expect(await main(['watch', join(temporary.path, 'nowhere')])).toBe(1);
    expect(notices.join('')).toContain('nowhere does not exist. Give a run folder, or a folder of runs.');
  });
});
