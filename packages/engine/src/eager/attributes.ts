import { SslError } from '@contrastive/core';
import type { CApi, Pointer } from '../native/c-api.js';
import { checkStatus } from '../native/status.js';
import type { OpAttr } from './tfjs-binding.js';

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
  new SslError('BACKEND', `attribute ${attr.name}: ${JSON.stringify(attr.value)} does not fit.`);

/** The value as a list of whole numbers. @throws SslError `BACKEND` if it is none. */
export function integers(attr: OpAttr): number[] {
  const list = Array.isArray(attr.value) ? (attr.value as unknown[]) : [attr.value];
  if (!list.every((v) => Number.isSafeInteger(v))) throw badAttr(attr);
  return list as number[];
}

/**
 * Sets one attribute of an eager operation.
 *
 * @param kind what the operation declares (`int`, `list(int)`, ...); `undefined` if it has no such attribute, which is ignored as
 *   TensorFlow does: some kernels of tfjs-node rely on it.
 * @throws SslError `BACKEND` if the value does not fit the kind.
 */
export function setAttribute(api: CApi, op: Pointer, attr: OpAttr, kind: string | undefined, status: Pointer): void {
  if (kind === undefined) return;
  const name = cString(attr.name);
  const { value } = attr;
  if (kind === 'string' && typeof value === 'string') {
    const bytes = Buffer.from(value);
    api.opSetString(op, name, bytes, bytes.length);
  } else if (kind === 'int' && !Array.isArray(value)) {
    api.opSetInt(op, name, integers(attr)[0]!);
  } else if (kind === 'list(int)' && Array.isArray(value)) {
    const list = integers(attr);
    api.opSetIntList(op, name, BigInt64Array.from(list, BigInt), list.length);
  } else if (kind === 'float' && typeof value === 'number') {
    api.opSetFloat(op, name, value);
  } else if (kind === 'bool') {
    api.opSetBool(op, name, value ? 1 : 0);
  } else if (kind === 'type' && !Array.isArray(value)) {
    api.opSetType(op, name, integers(attr)[0]!);
  } else if (kind === 'list(type)' && Array.isArray(value)) {
    const list = integers(attr);
    api.opSetTypeList(op, name, Int32Array.from(list), list.length);
  } else if (kind === 'shape' && Array.isArray(value)) {
    const dims = integers(attr);
    api.opSetShape(op, name, BigInt64Array.from(dims, BigInt), dims.length, status);
    checkStatus(api, status, `attribute ${attr.name}`);
  } else {
    throw badAttr(attr);
  }
}
