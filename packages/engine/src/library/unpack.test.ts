import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/folder.js';
import { zip } from '../../test/zip.js';
import { readMember, sha256, unpackMembers } from './unpack.js';

function archive(members: Record<string, string | Uint8Array>): { folder: string; file: string } {
  const folder = temporaryFolder();
  const file = path.join(folder, 'a.whl');
  writeFileSync(file, zip(members));
  return { folder, file };
}

test('the wanted members are unpacked under their paths, the others are not', async () => {
  const { folder, file } = archive({ 'a/x.so': 'xxx', 'a/b/y.so': 'yy', other: 'z' });
  const progress: [number, number][] = [];
  await unpackMembers(file, ['a/x.so', 'a/b/y.so'], path.join(folder, 'out'), (bytes, total) =>
    progress.push([bytes, total]),
  );
  expect(readFileSync(path.join(folder, 'out/a/x.so'), 'utf8')).toBe('xxx');
  expect(readFileSync(path.join(folder, 'out/a/b/y.so'), 'utf8')).toBe('yy');
  expect(existsSync(path.join(folder, 'out/other'))).toBe(false);
  expect(progress).toEqual([
    [3, 5],
    [2, 5],
  ]);
});

test('a member that is not there, a damaged archive and a text file are errors that name the file', async () => {
  const { folder, file } = archive({ a: '1' });
  const bad = (code: string, archiveFile: string) =>
    expect.objectContaining({ code, message: expect.stringContaining(archiveFile) });
  await expect(unpackMembers(file, ['b'], folder)).rejects.toEqual(bad('DATA', file));
  const cut = path.join(folder, 'cut.whl');
  writeFileSync(cut, readFileSync(file).subarray(0, -5));
  await expect(unpackMembers(cut, ['a'], folder)).rejects.toEqual(bad('DATA', cut));
});

test('stopping ends the work', async () => {
  const { folder, file } = archive({ a: new Uint8Array(1 << 20) });
  await expect(unpackMembers(file, ['a'], folder, undefined, AbortSignal.abort())).rejects.toMatchObject({
    code: 'CANCELLED',
  });
});

test('a text member is found by its ending', async () => {
  const { file } = archive({ 'x-1.dist-info/METADATA': 'Name: x\n' });
  expect(await readMember(file, '.dist-info/METADATA')).toBe('Name: x\n');
  await expect(readMember(file, 'RECORD')).rejects.toMatchObject({ code: 'DATA' });
});

test('the checksum is SHA-256', async () => {
  const file = path.join(temporaryFolder(), 'abc');
  writeFileSync(file, 'abc');
  expect(await sha256(file)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
