import { readFile } from 'node:fs/promises';
import { isImageName } from './decode.js';
import { DataError, reason } from './errors.js';
import type { LabelRows } from './layout.js';

/**
 * Reads a labels file: one row an image, `path,label`; further columns, a header and blank lines are passed over, fields may be
 * quoted. Paths are relative to the data, with '/'.
 *
 * @throws DataError `IO` if it cannot be read, `DATA` on a row without a label or two labels for one image.
 */
export async function readLabelsCsv(path: string): Promise<LabelRows> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new DataError('IO', `The labels file ${path} cannot be read: ${reason(cause)}.`, { cause });
  });
  const rows = new Map<string, string>();
  text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .forEach((line, i) => {
      if (line.trim() === '') return;
      const [rawName = '', label = ''] = fields(line);
      const name = rawName.replace(/^(\.\/)+/, '');
      if (i === 0 && !isImageName(name)) return;
      if (name === '' || label === '')
        throw new DataError('DATA', `${path}, line ${i + 1}: '${line}' is not 'path,label'.`);
      if (rows.has(name) && rows.get(name) !== label)
        throw new DataError('DATA', `${path}, line ${i + 1}: ${name} has two labels, ${rows.get(name)} and ${label}.`);
      rows.set(name, label);
    });
  return rows;
}

/** The fields of one CSV line; a quote inside quotes is doubled. */
function fields(line: string): string[] {
  const out: string[] = [];
  for (const match of line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    out.push(match[1] === undefined ? match[2]!.trim() : match[1].replaceAll('""', '"'));
  }
  return out;
}
