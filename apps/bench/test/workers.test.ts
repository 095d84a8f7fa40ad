import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePorts } from '../src/workers/ports.js';
import {
  checkpointsOf,
  contrastive,
  firstCheckpoint,
  lossesOf,
  nextCheckpoint,
  readSummary,
  sharedRun,
  start,
  temporaryFolder,
  writeImages,
} from './command.js';
import { children, rankOf } from './processes.js';

// Each test starts several processes, one after the other where they depend on each other.
vi.setConfig({ testTimeout: 300_000 });

const temporary = temporaryFolder();
const at = (...parts: string[]) => join(temporary.path, ...parts);
/** 24 images in batches of 12, which two and three workers can share: two steps an epoch. */
const pretrain = (run: string, ...more: string[]) => sharedRun(temporary.path, run, ...more);
const LONG = ['--epochs', '3000', '--checkpoint-every', '2'];
const checkpoints = (run: string) => checkpointsOf(at(run));

/** The processes of a launched run, by rank, once it has a checkpoint. */
async function workersOf(run: string, launcher: number): Promise<number[]> {
  await firstCheckpoint(at(run));
  return children(launcher).sort((a, b) => rankOf(a) - rankOf(b));
}

const isGone = async (pid: number): Promise<boolean> => {
  for (let waited = 0; waited < 20_000; waited += 50) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await sleep(50);
  }
  return false;
};

/** To 10⁻⁵ of the loss. */
function expectClose(losses: readonly number[], expected: readonly number[]): void {
  expect(losses).toHaveLength(expected.length);
  const worst = Math.max(...losses.map((loss, i) => Math.abs(loss / expected[i]! - 1)));
  expect(worst).toBeLessThan(1e-5);
}

beforeAll(async () => {
  await writeImages(at('data', 'train'), { count: 12 });
  const whole = await contrastive(...pretrain('whole'));
  expect(whole.errors).toEqual([]);
  expect(lossesOf(at('whole'))).toHaveLength(20);
}, 300_000);
afterAll(temporary.remove);

describe('--workers', () => {
  it.each([2, 3])('%i: has the losses of one process over 20 steps, and the same files', async (count) => {
    const run = `workers-${count}`;
    const { code, stdout, errors } = await contrastive(...pretrain(run, '--workers', `${count}`, '--json'));
    expect(errors).toEqual([]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'done', steps: 20, workers: count, images: 24 });
    expectClose(lossesOf(at(run)), lossesOf(at('whole')));
    const logs = Array.from({ length: count - 1 }, (_, i) => `worker-${i + 1}.log`);
    expect(readdirSync(at(run)).sort()).toEqual([...readdirSync(at('whole')), ...logs].sort());
    expect(readFileSync(at(run, 'worker-1.log'), 'utf8')).toContain('epoch 10/10');
  });

  it('stops at SIGTERM with a checkpoint and exit code 143, and goes on with another number of workers', async () => {
    const run = 'stopped';
    const { child, ended } = start(pretrain(run, '--workers', '2', '--json', '--epochs', '400'));
    await firstCheckpoint(at(run));
    child.kill('SIGTERM');
    const { code, stdout, errors } = await ended;
    expect(errors).toEqual([]);
    expect(code).toBe(143);
    const { status, steps } = JSON.parse(stdout);
    expect(status).toBe('stopped');
    expect(checkpoints(run)).toContain(`step-${String(steps).padStart(9, '0')}.safetensors`);
    for (const count of ['1', '3']) {
      const more = start(['pretrain', '--resume', '--out', at(run), '--workers', count, '--json']);
      await nextCheckpoint(at(run));
      more.child.kill('SIGTERM');
      const resumed = await more.ended;
      expect(resumed.stderr).toContain('Going on after step');
      expect(resumed.code).toBe(143);
      expect(JSON.parse(resumed.stdout).workers).toBe(Number(count));
    }
  });

  it('ends at once if a worker is killed, names it and the last checkpoint, and goes on from there', async () => {
    const { child, ended } = start(pretrain('killed', '--workers', '3', ...LONG));
    const workers = await workersOf('killed', child.pid!);
    expect(workers).toHaveLength(3);
    process.kill(workers[1]!, 'SIGKILL');
    const asked = performance.now();
    const { code, errors } = await ended;
    expect(performance.now() - asked).toBeLessThan(60_000);
    expect(code).toBe(1);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(`Worker 1 (process ${workers[1]}) was ended by SIGKILL.`);
    expect(errors[0]).toContain(at('killed', 'checkpoints', checkpoints('killed').at(-1)!));
    for (const pid of workers) expect(await isGone(pid)).toBe(true);
    expect(existsSync(at('killed', 'lock.json'))).toBe(false);
    const { child: again, ended: resumed } = start(['pretrain', '--resume', '--out', at('killed')]);
    await nextCheckpoint(at('killed'));
    again.kill('SIGTERM');
    expect((await resumed).code).toBe(143);
  });

  it('ends within the timeout if a worker is stopped, rank 0 or another', async () => {
    const runs = [0, 1].map(async (rank) => {
      const run = `silent-${rank}`;
      const { child, ended } = start(pretrain(run, '--workers', '2', '--worker-timeout', '8', ...LONG));
      const workers = await workersOf(run, child.pid!);
      process.kill(workers[rank]!, 'SIGSTOP');
      const asked = performance.now();
      const { code, errors } = await ended;
      expect(performance.now() - asked).toBeLessThan(60_000);
      expect(code).toBe(1);
      expect(errors[0]).toContain(`Worker ${rank} (process ${workers[rank]}) did not answer for 8 s.`);
      expect(errors[0]).toContain('The last checkpoint is');
      for (const pid of workers) expect(await isGone(pid)).toBe(true);
    });
    await Promise.all(runs);
  });

  it('leaves no process behind if the launcher is killed, and a checkpoint', async () => {
    const { child, ended } = start(pretrain('orphans', '--workers', '2', ...LONG));
    const workers = await workersOf('orphans', child.pid!);
    child.kill('SIGKILL');
    await ended;
    for (const pid of workers) expect(await isGone(pid)).toBe(true);
    expect(readSummary(at('orphans')).status).toBe('stopped');
  });

  it('says in one line what several workers cannot do, and leaves no folder', async () => {
    const refused = async (message: string, ...more: string[]) => {
      const { code, errors } = await contrastive(...pretrain('refused', ...more));
      expect(code).toBe(2);
      expect(errors).toHaveLength(1);
      expect(errors[0]).toContain(message);
      expect(existsSync(at('refused'))).toBe(false);
    };
    await refused('batch is 12, which 5 workers cannot share evenly.', '--workers', '5');
    await refused('need TensorFlow and compiled steps', '--workers', '2', '--mode', 'eager');
    await refused('--rank was given without --cluster', '--rank', '1');
    await refused('no method called rec', '--workers', '2', '--methods', 'rec');
  });
});

describe('TF_CONFIG', () => {
  it('joins processes that were started apart; a signal to one stops all after the same step', async () => {
    const worker = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
    const [first, second] = ['chief', 'worker'].map((type) => {
      const TF_CONFIG = JSON.stringify({
        ...{ cluster: { chief: [worker[0]], worker: [worker[1]] }, task: { type, index: 0 }, environment: 'cloud' },
      });
      return start(pretrain('joined', '--json', ...LONG), { env: { TF_CONFIG } });
    });
    await firstCheckpoint(at('joined'));
    second!.child.kill('SIGTERM');
    const [chief, other] = await Promise.all([first!.ended, second!.ended]);
    expect([chief.code, other.code]).toEqual([143, 143]);
    expect([...chief.errors, ...other.errors]).toEqual([]);
    const { steps, workers } = JSON.parse(chief.stdout);
    expect(workers).toBe(2);
    expect(checkpoints('joined')).toContain(`step-${String(steps).padStart(9, '0')}.safetensors`);
    expect(other.stdout).toBe('');
  });

  it('ends a worker that finds nobody within the timeout', async () => {
    const [here, nobody] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
    const TF_CONFIG = JSON.stringify({ cluster: { worker: [here, nobody] }, task: { type: 'worker', index: 0 } });
    const { code, errors } = await start(pretrain('lonely', '--worker-timeout', '6'), { env: { TF_CONFIG } }).ended;
    expect(code).toBe(1);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('6 s');
    expect(existsSync(at('lonely'))).toBe(false);
  });
});
