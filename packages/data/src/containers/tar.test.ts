import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTars, readTar } from './tar.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tar-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function archive(
  entries: readonly (readonly [(Partial<Header> & { name: string }) | string, string])[],
): Promise<Buffer> {
  const tar = pack();
  for (const [header, content] of entries) tar.entry(typeof header === 'string' ? { name: header } : header, content);
  tar.finalize();
  return buffer(tar);
}

async function entries(path: string): Promise<[string, string][]> {
  const out: [string, string][] = [];
  for await (const entry of readTar(path)) out.push([entry.name, (await entry.bytes()).toString()]);
  return out;
}

async function store(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

describe('readTar', () => {
  const long = `${'folder/'.repeat(40)}image.jpg`;

  it('reads regular files in order, plain and packed, long names too', async () => {
    const bytes = await archive([
      ['./b.jpg', 'one'],
      [{ name: 'dir/', type: 'directory' }, ''],
      [long, 'two'],
    ]);
    const expected = [
      ['b.jpg', 'one'],
      [long, 'two'],
    ];
    expect(await entries(await store('a.tar', bytes))).toEqual(expected);
    expect(await entries(await store('a.tar.gz', gzipSync(bytes)))).toEqual(expected);
    expect(await entries(await store('a.tgz', gzipSync(bytes)))).toEqual(expected);
  });

  it('leaves out links and names that lead out of the archive', async () => {
    const bytes = await archive([
      ['../evil.jpg', 'x'],
      ['a/../../evil.jpg', 'x'],
      ['/etc/evil.jpg', 'x'],
      ['C:/evil.jpg', 'x'],
      ['..\\evil.jpg', 'x'],
      [{ name: 'link.jpg', type: 'symlink', linkname: '/etc/passwd' }, ''],
      ['a..b/fine.jpg', 'y'],
    ]);
    expect(await entries(await store('evil.tar', bytes))).toEqual([['a..b/fine.jpg', 'y']]);
  });

  it('refuses a file that claims to be huge before reading it', async () => {
    const tar = pack();
    tar.entry({ name: 'huge.jpg', size: 300_000_000 });
    const header = (await tar[Symbol.asyncIterator]().next()).value as Buffer;
    tar.destroy();
    await expect(store('huge.tar', header).then(entries)).rejects.toThrow(
      'huge.jpg has 300000000 bytes, more than the limit',
    );
  });

  it('says which archive is damaged', async () => {
    const bytes = await archive([['a.jpg', 'x'.repeat(5000)]]);
    const packed = gzipSync(bytes);
    for (const [name, content] of [
      ['cut.tar', bytes.subarray(0, 2000)],
      ['cut.tar.gz', packed.subarray(0, packed.length - 20)],
      ['foreign.tar.gz', Buffer.from('no gzip at all')],
      ['foreign.tar', Buffer.alloc(1024, 7)],
    ] as const) {
      await expect(store(name, content).then(entries)).rejects.toMatchObject({
        code: 'DATA',
        message: expect.stringContaining(`The archive ${name} cannot be read`),
      });
    }
  });
});

describe('openTars', () => {
  it('reads several archives as one, and of them what is wanted', async () => {
    const paths = [
      await store(
        '1.tar',
        await archive([
          ['a.jpg', '0'],
          ['a.txt', '-'],
          ['b.jpg', '1'],
        ]),
      ),
      await store(
        '2.tar',
        await archive([
          ['c.jpg', '2'],
          ['d.jpg', '3'],
        ]),
      ),
    ];
    const tars = openTars(paths);
    expect(await tars.list()).toEqual(['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg']);
    const read: [number, string, string][] = [];
    for await (const file of tars.read((i) => i % 2 === 1)) {
      read.push([file.index, file.name, Buffer.from(await file.load()).toString()]);
    }
    expect(read).toEqual([
      [1, 'b.jpg', '1'],
      [3, 'd.jpg', '3'],
    ]);
  });
});
