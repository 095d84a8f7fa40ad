import { SslError } from '@contrastive/core';
import type { CApi, Pointer } from './c-api.js';
import { bytesPerValue, DT, dtypeName, sizeOf } from './dtype.js';
import { viewBytes, writeBytes } from './memory.js';

/** A tensor's content, copied out of native memory. */
export interface NativeValue {
  readonly dtype: number;
  readonly shape: number[];
  readonly data: Float32Array | Int32Array | Uint8Array | BigInt64Array | Uint8Array[];
}

const STRING_BYTES = 24; // sizeof(TF_TString)
const MAX_RANK = 254; // TensorShape::MaxDimensions()

/** A shape as the C API wants it. @throws SslError `SHAPE_MISMATCH` if it is not a list of whole numbers ≥ 0. */
function dimensions(shape: readonly number[]): BigInt64Array {
  const good = Array.isArray(shape) && shape.length <= MAX_RANK;
  if (!good || !shape.every((d) => Number.isSafeInteger(d) && d >= 0) || !Number.isSafeInteger(sizeOf(shape))) {
    throw new SslError('SHAPE_MISMATCH', `tensor: ${shapeText(shape)} is not a shape: whole numbers ≥ 0 are needed.`);
  }
  return BigInt64Array.from(shape, BigInt);
}

/** Anything that was given as a shape; an object need not have a text. */
const shapeText = (shape: unknown): string =>
  Array.isArray(shape) ? `[${shape.map((d) => (typeof d === 'number' ? d : typeof d))}]` : typeof shape;

/**
 * A `TF_Tensor` filled with a copy of `values`. The caller frees it with `deleteTensor`.
 *
 * @throws SslError `SHAPE_MISMATCH` if `values` has not exactly the bytes of `shape`; `BACKEND` for types without a fixed size.
 */
export function allocate(api: CApi, shape: readonly number[], dtype: number, values: ArrayBufferView): Pointer {
  const dims = dimensions(shape);
  const width = bytesPerValue(dtype);
  if (width === undefined)
    throw new SslError('BACKEND', `tensor: a ${dtypeName(dtype)} tensor cannot be made of bytes.`);
  const bytes = sizeOf(shape) * width;
  if (values.byteLength !== bytes) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `tensor: ${dtypeName(dtype)} [${shape}] takes ${bytes} bytes, but ${values.byteLength} were given.`,
    );
  }
  const tensor = api.allocateTensor(dtype, dims, shape.length, bytes);
  if (tensor === null) throw new SslError('OUT_OF_MEMORY', `tensor: no memory for ${dtypeName(dtype)} [${shape}].`);
  writeBytes(api.tensorData(tensor), values);
  return tensor;
}

/** A `TF_Tensor` of strings. The caller frees it. */
export function allocateStrings(api: CApi, shape: readonly number[], values: readonly Uint8Array[]): Pointer {
  const dims = dimensions(shape);
  if (values.length !== sizeOf(shape)) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `tensor: string [${shape}] takes ${sizeOf(shape)} values, not ${values.length}.`,
    );
  }
  const tensor = api.allocateTensor(DT.string, dims, shape.length, STRING_BYTES * values.length);
  if (tensor === null) throw new SslError('OUT_OF_MEMORY', `tensor: no memory for string [${shape}].`);
  const start = api.tensorData(tensor);
  values.forEach((bytes, i) => {
    const at = start + BigInt(STRING_BYTES * i);
    api.stringInit(at);
    api.stringCopy(at, bytes, bytes.length);
  });
  return tensor;
}

/** Copies a `TF_Tensor` out. Does not free it. */
export function readTensor(api: CApi, tensor: Pointer): NativeValue {
  const dtype = api.tensorType(tensor);
  const shape = Array.from({ length: api.tensorRank(tensor) }, (_, i) => Number(api.tensorDim(tensor, i)));
  const size = Number(api.tensorByteSize(tensor));
  if (dtype === DT.string) return { dtype, shape, data: readStrings(api, tensor, sizeOf(shape)) };
  const bytes = size === 0 ? new Uint8Array(0) : viewBytes(api.tensorData(tensor), size).slice();
  return { dtype, shape, data: typed(dtype, bytes) };
}

function typed(dtype: number, bytes: Uint8Array): NativeValue['data'] {
  const buffer = bytes.buffer as ArrayBuffer;
  if (dtype === DT.float32 || dtype === DT.complex64) return new Float32Array(buffer);
  if (dtype === DT.int32) return new Int32Array(buffer);
  if (dtype === DT.int64) return new BigInt64Array(buffer);
  return bytes;
}

function readStrings(api: CApi, tensor: Pointer, count: number): Uint8Array[] {
  const start = api.tensorData(tensor);
  return Array.from({ length: count }, (_, i) => {
    const at = start + BigInt(STRING_BYTES * i);
    return viewBytes(api.stringData(at), Number(api.stringSize(at))).slice();
  });
}
