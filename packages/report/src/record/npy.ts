import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { ReportError } from '../errors.js';

/** An array as numpy's `np.load` gives it: C order, float32. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Room for the header, so that it can be rewritten when the array grows. A multiple of 64, as the format asks. */
const HEADER = 128;

/**
 * Header of a little-endian float32 array in numpy's format, version 1.0, always 128 bytes.
 *
 * @throws ReportError `DATA` if the shape does not fit in.
 */
export function npyHeader(shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  const room = HEADER - 11;
  if (text.length > room) throw new ReportError('DATA', `An array of shape ${tuple} has too many axes to be stored.`);
  const header = Buffer.alloc(HEADER, ' ');
  header.write('\x93NUMPY\x01\x00', 0, 'latin1');
  header.writeUInt16LE(HEADER - 10, 8);
  header.write(text, 10, 'latin1');
  header.write('\n', HEADER - 1, 'latin1');
  return header;
}

/** Reads what {@link npyHeader} describes. @throws ReportError `DATA` if the file is of another kind or cut short. */
export function readNpy(path: string): NpyArray {
  const bytes = readFileSync(path);
  const shape = shapeOf(bytes, path);
  const start = 10 + bytes.readUInt16LE(8);
  const size = shape.reduce((product, n) => product * n, 1);
  if (bytes.length < start + 4 * size) throw new ReportError('DATA', `${path} is cut short.`);
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + start + 4 * size));
  return { shape, data };
}

function shapeOf(bytes: Buffer, path: string): number[] {
  const isNpy = bytes.length >= 10 && bytes.toString('latin1', 0, 6) === '\x93NUMPY';
  const text = isNpy ? bytes.toString('latin1', 10, 10 + bytes.readUInt16LE(8)) : '';
  const shape = /'shape': \(([\d, ]*)\)/.exec(text);
  if (shape === null || !text.includes("'<f4'") || !text.includes("'fortran_order': False")) {
    throw new ReportError('DATA', `${path} is not a float32 array in numpy's format.`);
  }
  return shape[1]!
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
}

/**
 * Adds one entry along the first axis. Values go in before the header counts them, so that a reader sees whole entries only, also
 * after a crash.
 *
 * @param path made if it does not exist. @throws ReportError `DATA` if the entry has another shape than those before.
 */
export function appendNpy(path: string, entry: NpyArray): void {
  const file = openSync(path, existsSync(path) ? 'r+' : 'w+');
  try {
    const count = countIn(file, path, entry.shape);
    const { buffer, byteOffset, byteLength } = entry.data;
    writeSync(file, new Uint8Array(buffer, byteOffset, byteLength), 0, byteLength, HEADER + count * byteLength);
    writeSync(file, npyHeader([count + 1, ...entry.shape]), 0, HEADER, 0);
  } finally {
    closeSync(file);
  }
}

function countIn(file: number, path: string, shape: readonly number[]): number {
  if (fstatSync(file).size < HEADER) return 0;
  const header = Buffer.alloc(HEADER);
  readSync(file, header, 0, HEADER, 0);
  const [count, ...rest] = shapeOf(header, path);
  if (String(rest) !== String(shape)) {
    throw new ReportError('DATA', `${path} holds entries of shape [${rest}], but one of [${shape}] was to be added.`);
  }
  return count!;
}

/** Keeps the first `count` entries. */
export function truncateNpy(path: string, count: number): void {
  const file = openSync(path, 'r+');
  try {
    const header = Buffer.alloc(HEADER);
    readSync(file, header, 0, HEADER, 0);
    const [had, ...rest] = shapeOf(header, path);
    const kept = Math.min(had!, count);
    writeSync(file, npyHeader([kept, ...rest]), 0, HEADER, 0);
    ftruncateSync(file, HEADER + 4 * rest.reduce((product, n) => product * n, kept));
  } finally {
    closeSync(file);
  }
}
