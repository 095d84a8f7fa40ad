import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder, writeImages } from '../../test/command.js';
import { openSets, type SetOptions } from './open-sets.js';

const temporary = temporaryFolder();
const at = (...parts: string[]) => join(temporary.path, ...parts);
const output = { message: () => undefined, status: () => undefined };
const open = (data: string, more: Partial<SetOptions> = {}) =>
  openSets({ data: at(data), cache: at('cache'), maxUnreadable: 0, side: 16, ...more }, output);

beforeAll(async () => {
  await writeImages(at('both', 'train'), { count: 10, classes: ['dark', 'grey', 'light'] });
  await writeImages(at('both', 'test'), { count: 2, classes: ['grey', 'light'] });
  await writeImages(at('flat'), { count: 10 });
  await writeImages(at('one'), { count: 3, classes: ['only'] });
  await writeImages(at('new-class', 'train'), { count: 2 });
  await writeImages(at('new-class', 'test'), { count: 1, classes: ['dark', 'green'] });
});
afterAll(() => temporary.remove());

describe('openSets', () => {
  it('numbers test classes as those of training, and tells which are absent', async () => {
    const { train, test, notes, close } = await open('both');
    expect([train.count, test!.count, [...test!.labels!]]).toEqual([30, 4, [1, 1, 2, 2]]);
    expect(notes).toEqual(['No test image is of class dark; training images of it stay in.']);
    await close();
  });

  it('holds out a fifth of each class where there are no test images, and says so', async () => {
    const { train, test, notes, close } = await open('flat');
    expect([train.count, test!.count]).toEqual([16, 4]);
    expect([...test!.labels!].sort()).toEqual([0, 0, 1, 1]);
    expect(notes[0]).toMatch(/no folder of test images.*4 of 20 images.*held out/);
    const [first, again] = [test!.fingerprint, (await open('flat')).test!.fingerprint];
    expect(again).toBe(first);
    expect(train.fingerprint).not.toBe(first);
    await close();
  });

  it('has no test images where there are no two classes', async () => {
    const { train, test, close } = await open('one');
    expect([train.count, test]).toEqual([3, undefined]);
    await close();
  });

  it('takes labels from a CSV file and leaves images without one out', async () => {
    const rows = Array.from({ length: 8 }, (_, i) => `dark/${i}.jpg,${i % 2 === 0 ? 'even' : 'odd'}`);
    writeFileSync(at('labels.csv'), rows.join('\n'));
    const { train, test, classNames, notes, close } = await open('flat', { labels: at('labels.csv') });
    expect([train.count + test!.count, classNames]).toEqual([8, ['even', 'odd']]);
    expect(notes[0]).toBe('12 training images have no label and take no part.');
    await close();
  });

  it('takes stratified samples, whose images are those of the source', async () => {
    const { train, notes, close } = await open('both', { trainImages: 6 });
    expect([...train.labels!]).toEqual([0, 0, 1, 1, 2, 2]);
    expect(notes.at(-1)).toBe('6 of 30 training images are used.');
    const dark = (await train.read(0)).data.reduce((a, b) => a + b, 0);
    expect((await train.read(5)).data.reduce((a, b) => a + b, 0)).toBeGreaterThan(1.5 * dark);
    await close();
  });

  it('refuses test classes that training lacks', async () => {
    await expect(open('new-class')).rejects.toMatchObject({ code: 'DATA', message: expect.stringContaining('green') });
  });
});
