import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openContainer } from './open.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'container-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (...names: string[]) => {
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), '');
  }
};
const list = async () => (await openContainer(folder)).list();

describe('openContainer', () => {
  it('lists the images of a folder in the order of their paths, whatever their names hold', async () => {
    put('b/2.PNG', 'a b/\u{1f600}.jpg', 'a b/line\nbreak.webp', 'notes.txt', '.hidden.jpg', '.cache/3.jpg');
    expect(await list()).toEqual(['a b/line\nbreak.webp', 'a b/\u{1f600}.jpg', 'b/2.PNG']);
  });

  it('follows links, but lists no image again through a link to a folder that holds it', async () => {
    put('a/1.jpg', 'a/deep/2.jpg');
    symlinkSync('..', join(folder, 'a', 'deep', 'up'));
    symlinkSync(folder, join(folder, 'here'));
    symlinkSync(join('a', 'deep'), join(folder, 'other'));
    symlinkSync(join('a', '1.jpg'), join(folder, 'again.jpg'));
    expect(await list()).toEqual(['a/1.jpg', 'a/deep/2.jpg', 'again.jpg', 'other/2.jpg']);
  });

  it('keeps a link that leads nowhere in the list, so that it is reported', async () => {
    symlinkSync('nowhere.jpg', join(folder, 'broken.jpg'));
    symlinkSync('nowhere', join(folder, 'broken'));
    const container = await openContainer(folder);
    expect(await container.list()).toEqual(['broken.jpg']);
    expect(await container.fingerprint()).toHaveLength(64);
    for await (const file of container.read(() => true)) await expect(file.load()).rejects.toThrow('ENOENT');
  });

  it('reads archives of a folder only if it has no images, not even in its sub-folders', async () => {
    put('images.tar', 'photos/1.jpg');
    expect(await list()).toEqual(['photos/1.jpg']);
    rmSync(join(folder, 'photos'), { recursive: true });
    expect(await list()).toEqual([]); // an empty archive
  });
});
