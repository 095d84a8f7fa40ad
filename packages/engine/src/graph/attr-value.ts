import { SslError } from '@contrastive/core';
import { integers } from '../eager/attributes.js';
import { ATTR, type OpAttr } from '../eager/tfjs-binding.js';
import { DT } from '../native/dtype.js';
import { bytesField, floatField, intField, message, varint } from '../native/protobuf.js';
import type { ConstantValue } from './node.js';

// Field numbers of AttrValue.
const LIST = 1;
const STRING = 2;
const INT = 3;
const FLOAT = 4;
const BOOL = 5;
const TYPE = 6;
const SHAPE = 7;
const TENSOR = 8;

export const stringAttr = (value: string): Uint8Array => bytesField(STRING, value);
export const intAttr = (value: number): Uint8Array => intField(INT, value);
export const floatAttr = (value: number): Uint8Array => floatField(FLOAT, value);
export const boolAttr = (value: boolean): Uint8Array => intField(BOOL, value);
export const typeAttr = (dtype: number): Uint8Array => intField(TYPE, dtype);
export const shapeAttr = (shape: readonly number[]): Uint8Array => bytesField(SHAPE, shapeProto(shape));

const packed = (values: readonly number[]) => message(...values.map(varint));
const shapeProto = (shape: readonly number[]) => message(...shape.map((d) => bytesField(2, intField(1, d))));

/** `AttrValue` of an attribute as tfjs-node's kernels give it. */
export function encodeAttr(attr: OpAttr): Uint8Array {
  const { value } = attr;
  const list = Array.isArray(value);
  if (attr.type === ATTR.string && typeof value === 'string') return stringAttr(value);
  if (attr.type === ATTR.int && !list) return intAttr(integers(attr)[0]!);
  if (attr.type === ATTR.int) return bytesField(LIST, bytesField(INT, packed(integers(attr))));
  if (attr.type === ATTR.float && typeof value === 'number') return floatAttr(value);
  if (attr.type === ATTR.bool) return boolAttr(value === true);
  if (attr.type === ATTR.type && !list) return typeAttr(integers(attr)[0]!);
  if (attr.type === ATTR.type) return bytesField(LIST, bytesField(TYPE, packed(integers(attr))));
  if (attr.type === ATTR.shape && list) return shapeAttr(integers(attr));
  throw new SslError(
    'BACKEND',
    `attribute ${attr.name}: ${JSON.stringify(value)} is not a value of kind ${attr.type}.`,
  );
}

/** `AttrValue` of a constant. Constants of one repeated value are stored as that value. */
export function tensorAttr({ dtype, shape, bytes }: ConstantValue): Uint8Array {
  const content = repeatedValue(dtype, bytes) ?? bytesField(4, bytes);
  return bytesField(TENSOR, message(intField(1, dtype), bytesField(2, shapeProto(shape)), content));
}

/** The field of the one value that fills a float32 or int32 tensor of more than 16 values, or `undefined`. */
function repeatedValue(dtype: number, bytes: Uint8Array): Uint8Array | undefined {
  if ((dtype !== DT.float32 && dtype !== DT.int32) || bytes.length <= 64 || bytes.byteOffset % 4 !== 0)
    return undefined;
  const bits = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  if (!bits.every((b) => b === bits[0])) return undefined;
  return dtype === DT.float32 ? bytesField(5, bytes.subarray(0, 4)) : bytesField(7, varint(bits[0]!));
}
