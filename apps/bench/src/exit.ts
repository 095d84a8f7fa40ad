import { describeError, type ErrorCode, SslError } from '@contrastive/core';

/** Exit codes of the command: 0 done, 1 the work failed, 2 wrong use or input, 3 the tensor library is missing, 130/143 stopped by a signal. */
const EXIT: Partial<Record<ErrorCode, number>> = {
  BAD_OPTION: 2,
  USAGE: 2,
  INCOMPATIBLE: 2,
  DATA: 2,
  RUN_BUSY: 2,
  BACKEND_MISSING: 3,
};

/** Prints an error as lines a person can act on (one JSON line with `json`) and gives the exit code. */
export function reportError(error: unknown, { json }: { readonly json: boolean }): number {
  const known = asKnown(error);
  const code = known?.code ?? 'INTERNAL';
  if (json) {
    console.error(JSON.stringify({ error: { code, message: messageOf(error), hint: known?.hint } }));
  } else {
    console.error(`error: ${known === undefined ? describeError(error) : describeKnown(known)}`);
    if (known === undefined && error instanceof Error) console.error(error.stack);
  }
  return known === undefined ? 1 : (EXIT[known.code as ErrorCode] ?? 1);
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

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const describeKnown = ({ message, hint }: KnownError) => (hint === undefined ? message : `${message}\n  ${hint}`);
