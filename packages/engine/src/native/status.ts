import { SslError } from '@contrastive/core';
import type { CApi, Pointer } from './c-api.js';

const RESOURCE_EXHAUSTED = 8;

/** The names of TensorFlow's status codes, which users meet in its own documentation. */
export const CODE_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** Throws if the last call that was given `status` failed. @param doing what was being done, for the message. */
export function checkStatus(api: CApi, status: Pointer, doing: string): void {
  const code = api.getCode(status);
  if (code === 0) return;
  const text = `${doing}: TensorFlow says ${CODE_NAMES[code] ?? code}: ${api.message(status)}`;
  if (code === RESOURCE_EXHAUSTED) {
    throw new SslError('OUT_OF_MEMORY', text, { hint: 'Use a smaller batch, smaller images or a narrower network.' });
  }
  throw new SslError('BACKEND', text);
}
