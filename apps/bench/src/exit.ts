import { type ErrorCode, SslError } from '@contrastive/core';

/** Exit codes of the command: 0 done, 1 the work failed, 2 wrong use or input, 3 the tensor library is missing, 130/143 stopped by a signal. */
const EXIT: Partial<Record<ErrorCode, number>> = {
  BAD_OPTION: 2,
  USAGE: 2,
  INCOMPATIBLE: 2,
  DATA: 2,
  RUN_BUSY: 2,
  BACKEND_MISSING: 3,
};

/** Prints an error as one line a person can act on (as JSON with `json`) and gives the exit code. */
export function reportError(error: unknown, { json }: { readonly json: boolean }): number {
  const { code, message, hint } = describe(error);
  if (json) {
    console.error(JSON.stringify({ error: { code, message, hint } }));
  } else {
    console.error(`error: ${hint === undefined ? message : `${message} ${hint}`}`);
    if (code === UNKNOWN && error instanceof Error) console.error(error.stack);
  }
  return EXIT[code as ErrorCode] ?? 1;
}

/** Code of an error nobody foresaw: where it happened is what a bug report needs. */
export const UNKNOWN = 'INTERNAL';

/** Code, message and hint of any error, each on one line. */
export function describe(error: unknown): KnownError {
  const known = asKnown(error);
  const message = oneLine(known?.message ?? (error instanceof Error ? error.message : String(error)));
  return { code: known?.code ?? UNKNOWN, message, hint: known?.hint === undefined ? undefined : oneLine(known.hint) };
}

interface KnownError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** `SslError`, or the error of a package that may not import core, which has the same fields. */
function asKnown(error: unknown): KnownError | undefined {
  if (error instanceof SslError) return error;
  if (!(error instanceof Error)) return undefined;
  const { code, hint } = error as Partial<KnownError>;
  const ours = typeof code === 'string' && 'hint' in error && !('syscall' in error);
  return ours ? { code, message: error.message, hint } : undefined;
}

/** Text of several lines as one: logs and scripts read errors by the line. */
export const oneLine = (text: string): string =>
  text
    .split('\n')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .join(' ');
