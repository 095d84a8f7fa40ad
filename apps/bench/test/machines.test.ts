import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  contrastive,
  firstCheckpoint,
  lossesOf,
  nextCheckpoint,
  sharedRun,
  start,
  temporaryFolder,
  writeImages,
} from './command.js';
import { createMachines, type Machines } from './namespaces.js';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const made = createMachines();
const isReason = typeof made === 'string';
const temporary = temporaryFolder();
const at = (...parts: string[]) => join(temporary.path, ...parts);
const cluster = at('cluster.yaml');
const pretrain = (run: string, ...more: string[]) => sharedRun(temporary.path, run, '--epochs', '5', ...more);

/** The same command on both machines. */
const onBoth = (...args: string[]) => {
  const { on } = made as Machines;
  return [0, 1].map((rank) => {
    const member = ['--cluster', cluster, '--rank', `${rank}`, '--worker-timeout', '10'];
    return start([...args, ...member], { within: on(rank as 0 | 1) });
  });
};

afterAll(() => {
  temporary.remove();
  if (!isReason) made.remove();
});

describe.skipIf(isReason)(`two machines${isReason ? ` (cannot be tested here: ${made})` : ''}`, () => {
  beforeAll(async () => {
    writeFileSync(cluster, (made as Machines).addresses.map((address) => `- ${address}:2222\n`).join(''));
    await writeImages(at('data', 'train'), { count: 12 });
  });

  it('train as one process does', async () => {
    expect((await contrastive(...pretrain('whole'))).errors).toEqual([]);
    const ends = await Promise.all(onBoth(...pretrain('both')).map(({ ended }) => ended));
    expect(ends.flatMap(({ errors }) => errors)).toEqual([]);
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    const [losses, whole] = [lossesOf(at('both')), lossesOf(at('whole'))];
    expect(losses).toHaveLength(10);
    for (const [i, loss] of losses.entries()) expect(Math.abs(loss / whole[i]! - 1)).toBeLessThan(1e-5);
  });

  it('end within the timeout when the link between them is cut, and go on when it is back', async () => {
    const { link } = made as Machines;
    const workers = onBoth(...pretrain('cut', '--epochs', '3000'));
    await firstCheckpoint(at('cut'));
    link('down');
    const asked = performance.now();
    const ends = await Promise.all(workers.map(({ ended }) => ended));
    expect(performance.now() - asked).toBeLessThan(60_000);
    link('up');
    for (const { code, errors } of ends) {
      expect(code).toBe(1);
      expect(errors).toHaveLength(1);
      expect(errors[0]).toContain('The last checkpoint is');
    }
    const again = onBoth('pretrain', '--resume', '--out', at('cut'));
    await nextCheckpoint(at('cut'));
    again[1]!.child.kill('SIGTERM');
    const resumed = await Promise.all(again.map(({ ended }) => ended));
    expect(resumed.map(({ code }) => code)).toEqual([143, 143]);
    for (const { stderr } of resumed) expect(stderr).toContain('Going on after step');
  });
});
