import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLabelsCsv } from './labels-csv.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labels-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(text: string) {
  const path = join(folder, 'labels.csv');
  await writeFile(path, text);
  return [...(await readLabelsCsv(path))];
}

describe('readLabelsCsv', () => {
  it('reads rows with and without a header, quotes and further columns', async () => {
    expect(await read('image,label\na/1.jpg,cat\n')).toEqual([['a/1.jpg', 'cat']]);
    expect(await read('\uFEFF./1.jpg, cat, 7\r\n\r\n"a, b.png","say ""hi"""\r\n')).toEqual([
      ['1.jpg', 'cat'],
      ['a, b.png', 'say "hi"'],
    ]);
  });

  it('names the line that is wrong', async () => {
    await expect(read('1.jpg,cat\n2.jpg\n')).rejects.toMatchObject({
      code: 'DATA',
      message: expect.stringContaining('line 2'),
    });
    await expect(read('1.jpg,cat\n1.jpg,dog\n')).rejects.toThrow('two labels, cat and dog');
    await expect(readLabelsCsv(join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'IO' });
  });
});
