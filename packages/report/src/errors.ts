/** What went wrong, for programs. */
export type ReportErrorCode = 'IO' | 'DATA' | 'USAGE';

/** An error a user can act on: what was given, what must hold, and how to get there. */
export class ReportError extends Error {
  override readonly name = 'ReportError';
  readonly hint: string | undefined;

  constructor(
    readonly code: ReportErrorCode,
    message: string,
    { hint, cause }: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.hint = hint;
  }
}
