import { SslError } from './errors.js';
import { type HostTensor, type HostTensors, hostTensor } from './host-tensor.js';

/** What a safetensors file holds. */
export interface TensorFile {
  readonly tensors: HostTensors;
  /** Free text by name, the format's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The reference implementation refuses headers above this many bytes, and so do we. */
const MAX_HEADER = 100_000_000;
const METADATA = '__metadata__';
const DTYPES = { F32: 'float32', I32: 'int32' } as const;

interface Entry {
  readonly name: string;
  readonly dtype: keyof typeof DTYPES;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Writes named tensors and texts in the safetensors format: header length (8 bytes, little-endian), JSON header padded with spaces to
 * a multiple of 8, then the values of all tensors, little-endian, in the order of their names. Equal content gives equal bytes.
 *
 * @throws SslError `CHECKPOINT` if a tensor is called `__metadata__`, a shape does not fit its values, or the header is too large.
 */
export function encodeSafetensors({ tensors, metadata }: TensorFile): Uint8Array {
  const names = Object.keys(tensors).sort();
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [[METADATA, sorted(metadata)]] : [];
  let size = 0;
  for (const name of names) {
    const { dtype, shape, data } = tensors[name]!;
    if (name === METADATA) throw damaged(`a tensor must not be called ${METADATA}`);
    if (product(shape) !== data.length) throw damaged(`${name} has shape [${shape}] but ${data.length} values`);
    const entry = { dtype: dtype === 'float32' ? 'F32' : 'I32', shape, data_offsets: [size, size + 4 * data.length] };
    header.push([name, entry]);
    size += 4 * data.length;
  }
  const json = new TextEncoder().encode(objectOf(header));
  const start = 8 + Math.ceil(json.length / 8) * 8;
  if (start - 8 > MAX_HEADER) throw damaged(`the header has ${json.length} bytes, at most ${MAX_HEADER} are allowed`);
  const bytes = new Uint8Array(start + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.set(json, 8);
  bytes.fill(0x20, 8 + json.length, start);
  let at = start;
  for (const name of names) {
    const { data } = tensors[name]!;
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** JSON text of an object, also with keys like `__proto__` or `7`, which a JavaScript object would lose or reorder. */
const objectOf = (entries: readonly (readonly [string, unknown])[]): string =>
  `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
const sorted = (record: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

/**
 * Reads a safetensors file. Everything is checked before a value is taken: lengths, UTF-8 and JSON, names given twice, dtypes, and that
 * the tensors tile the rest of the file without gap or overlap.
 *
 * @param bytes the whole file; values are copied out of it.
 * @throws SslError `CHECKPOINT` for a damaged file, or one with dtypes other than F32 and I32.
 */
export function decodeSafetensors(bytes: Uint8Array): TensorFile {
  const { text, header, start } = readHeader(bytes);
  const entries = Object.entries(header).filter(([name]) => name !== METADATA);
  const places = entries
    .map(([name, entry]) => checkEntry(name, entry))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of places) {
    if (begin !== at) throw damaged(`${name} begins at byte ${begin} of the values, expected ${at}`);
    at = end;
  }
  if (at !== bytes.length - start)
    throw damaged(`the tensors need ${at} bytes, but ${bytes.length - start} follow the header`);
  const metadata = checkMetadata(header[METADATA]);
  if (colons(text) !== keysWithin(header)) throw damaged('its header gives a name twice');
  const tensors = places.map(({ name, dtype, shape, begin, end }): [string, HostTensor] => {
    // A copy, so that it is aligned; not `bytes.slice`, which for Node's Buffer copies nothing.
    const { buffer } = Uint8Array.from(bytes.subarray(start + begin, start + end));
    const data = dtype === 'F32' ? new Float32Array(buffer) : new Int32Array(buffer);
    return [name, hostTensor(shape as HostTensor['shape'], data, DTYPES[dtype])];
  });
  return { tensors: Object.fromEntries(tensors), metadata };
}

interface Header {
  readonly text: string;
  readonly header: Readonly<Record<string, unknown>>;
  /** Where the values begin. */
  readonly start: number;
}

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < 8) throw damaged(`it has ${bytes.length} bytes, fewer than the 8 of the header's length`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER) throw damaged(`its header claims ${length} bytes, at most ${MAX_HEADER} are allowed`);
  const start = 8 + length;
  if (start > bytes.length) throw damaged(`its header claims ${length} bytes, but only ${bytes.length - 8} follow`);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, start));
    header = JSON.parse(text);
  } catch (cause) {
    throw damaged('its header is not JSON', cause);
  }
  if (!isRecord(header)) throw damaged('its header is not a JSON object');
  return { text, header, start };
}

function checkEntry(name: string, entry: unknown): Entry {
  if (!isRecord(entry)) throw damaged(`the entry of ${name} is not an object`);
  const { dtype, shape, data_offsets: offsets, ...others } = entry;
  const [extra] = Object.keys(others);
  if (extra !== undefined) throw damaged(`the entry of ${name} has an unknown field ${extra}`);
  if (dtype !== 'F32' && dtype !== 'I32')
    throw damaged(`${name} has dtype ${String(dtype)}, only F32 and I32 are read`);
  if (!isCounts(shape)) throw damaged(`the shape of ${name} is not a list of sizes`);
  if (!isCounts(offsets) || offsets.length !== 2) throw damaged(`the offsets of ${name} are not two byte positions`);
  const [begin, end] = offsets as [number, number];
  if (end - begin !== 4 * product(shape)) {
    throw damaged(`${name} with shape [${shape}] needs ${4 * product(shape)} bytes, but has ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

function checkMetadata(metadata: unknown): Readonly<Record<string, string>> {
  if (metadata === undefined) return {};
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw damaged(`${METADATA} is not a record of texts`);
  }
  return metadata as Record<string, string>;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCounts = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Number of `key:` pairs in a JSON text, also of those that parsing drops because a later one has the same key. */
const colons = (json: string): number => json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"/g, '').split(':').length - 1;
const keysWithin = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? (Array.isArray(value) ? 0 : Object.keys(value).length) +
      Object.values(value).reduce<number>((sum, part) => sum + keysWithin(part), 0)
    : 0;

const damaged = (what: string, cause?: unknown): SslError =>
  new SslError('CHECKPOINT', `safetensors: the file is not usable: ${what}.`, cause === undefined ? {} : { cause });
