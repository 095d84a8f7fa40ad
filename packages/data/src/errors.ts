/** An error of this package, of the same shape as core's `SslError`: the message says who, what was given and what must hold. */
export class DataError extends Error {
  /** `DATA`: images, labels or caches are missing or unusable. `IO`: a file could not be read or written. `BAD_OPTION`. */
  readonly code: 'DATA' | 'IO' | 'BAD_OPTION';
  /** What the user can do about it. */
  readonly hint: string | undefined;

  constructor(
    code: DataError['code'],
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DataError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** The first line of an error's message. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0]!.trim();
}
