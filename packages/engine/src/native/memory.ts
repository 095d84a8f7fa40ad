import koffi from 'koffi';
import type { Pointer } from './c-api.js';

/**
 * The bytes at a native address, without a copy. The view dangles as soon as the native object is freed: never let it leave
 * the function that frees the object.
 */
export const viewBytes = (address: Pointer, length: number): Uint8Array =>
  length === 0 ? new Uint8Array(0) : new Uint8Array(koffi.view(address, length));

/** Copies bytes to a native address. Works for arrays over a `SharedArrayBuffer` too. */
export function writeBytes(address: Pointer, source: ArrayBufferView): void {
  if (source.byteLength === 0) return;
  viewBytes(address, source.byteLength).set(bytesOf(source));
}

/** The bytes of any typed array, without a copy. */
export const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** The bytes of a `TF_Buffer` (`{ const void* data; size_t length; ... }`), copied. */
export function bufferBytes(buffer: Pointer): Uint8Array {
  const [data, length] = new BigUint64Array(koffi.view(buffer, 16));
  return viewBytes(data!, Number(length!)).slice();
}
