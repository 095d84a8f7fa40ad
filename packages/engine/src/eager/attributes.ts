import { SslError } from '@contrastive/core';
import type { CApi, Pointer } from '../native/c-api.js';
import { checkStatus } from '../native/status.js';
import { ATTR, type OpAttr } from './tfjs-binding.js';

const cStrings = new Map<string, Uint8Array>();

/** A zero-terminated string. Operation and attribute names are few, so they are kept: the library may hold on to them. */
export function cString(text: string): Uint8Array {
  let bytes = cStrings.get(text);
  if (bytes === undefined) {
    bytes = Buffer.from(`${text}\0`);
    cStrings.set(text, bytes);
  }
  return bytes;
}

const badAttr = (attr: OpAttr) =>
  new SslError('BACKEND', `attribute ${attr.name}: ${JSON.stringify(attr.value)} is not a value of kind ${attr.type}.`);

/** The value as a list of whole numbers. @throws SslError `BACKEND` if it is none. */
export function integers(attr: OpAttr): number[] {
  const list = Array.isArray(attr.value) ? (attr.value as unknown[]) : [attr.value];
  if (!list.every((v) => Number.isSafeInteger(v))) throw badAttr(attr);
  return list as number[];
}

/** Sets one attribute of an eager operation. @throws SslError `BACKEND` if the value does not fit the kind. */
export function setAttribute(api: CApi, op: Pointer, attr: OpAttr, status: Pointer): void {
  const name = cString(attr.name);
  const { value } = attr;
  if (attr.type === ATTR.string && typeof value === 'string') {
    const bytes = Buffer.from(value);
    api.opSetString(op, name, bytes, bytes.length);
  } else if (attr.type === ATTR.int) {
    const list = integers(attr);
    if (Array.isArray(value)) api.opSetIntList(op, name, BigInt64Array.from(list, BigInt), list.length);
    else api.opSetInt(op, name, list[0]!);
  } else if (attr.type === ATTR.float && typeof value === 'number') {
    api.opSetFloat(op, name, value);
  } else if (attr.type === ATTR.bool) {
    api.opSetBool(op, name, value ? 1 : 0);
  } else if (attr.type === ATTR.type) {
    const list = integers(attr);
    if (Array.isArray(value)) api.opSetTypeList(op, name, Int32Array.from(list), list.length);
    else api.opSetType(op, name, list[0]!);
  } else if (attr.type === ATTR.shape && Array.isArray(value)) {
    const dims = integers(attr);
    api.opSetShape(op, name, BigInt64Array.from(dims, BigInt), dims.length, status);
    checkStatus(api, status, `attribute ${attr.name}`);
  } else {
    throw badAttr(attr);
  }
}
