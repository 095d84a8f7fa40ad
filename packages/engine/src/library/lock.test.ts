import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/folder.js';
import { withLock } from './lock.js';

test('two holders work one after the other, also after a failure', async () => {
  const lock = path.join(temporaryFolder(), 'deep', 'x.lock');
  const events: string[] = [];
  const work = (name: string) => async () => {
    events.push(`${name} in`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    events.push(`${name} out`);
    if (name === 'a') throw new Error('a failed');
  };
  const results = await Promise.allSettled([withLock(lock, work('a')), withLock(lock, work('b'))]);
  expect(results.map((r) => r.status)).toEqual(['rejected', 'fulfilled']);
  expect(events).toEqual(['a in', 'a out', 'b in', 'b out']);
  expect(existsSync(lock)).toBe(false);
});

test('the lock of a process that is gone is taken over', async () => {
  const lock = path.join(temporaryFolder(), 'x.lock');
  mkdirSync(lock);
  writeFileSync(path.join(lock, 'owner'), `${hostname()} 999999999`);
  expect(await withLock(lock, async () => 'done')).toBe('done');
});

test('so is that of a process whose number another one has now', async () => {
  const lock = path.join(temporaryFolder(), 'x.lock');
  mkdirSync(lock);
  writeFileSync(path.join(lock, 'owner'), `${hostname()} ${process.ppid} 1`);
  expect(await withLock(lock, async () => 'done')).toBe('done');
});

test('so is the lock of another machine that gives no sign of life while one waits, whatever the clocks say', async () => {
  const lock = path.join(temporaryFolder(), 'x.lock');
  mkdirSync(lock);
  writeFileSync(path.join(lock, 'owner'), 'elsewhere 1');
  const future = new Date(Date.now() + 3_600_000);
  utimesSync(lock, future, future);
  expect(await withLock(lock, async () => 'done', undefined, 600)).toBe('done');
});

test('a living owner keeps its lock, however old the time stamp', async () => {
  const lock = path.join(temporaryFolder(), 'x.lock');
  mkdirSync(lock);
  writeFileSync(path.join(lock, 'owner'), `${hostname()} ${process.pid}`);
  const past = new Date(0);
  utimesSync(lock, past, past);
  await expect(withLock(lock, async () => 'done', AbortSignal.timeout(700), 100)).rejects.toThrow();
});

test('waiting for a lock can be stopped', async () => {
  const lock = path.join(temporaryFolder(), 'x.lock');
  mkdirSync(lock);
  writeFileSync(path.join(lock, 'owner'), `${hostname()} ${process.pid}`);
  await expect(withLock(lock, async () => 'done', AbortSignal.timeout(100))).rejects.toThrow();
});
