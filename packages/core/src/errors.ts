/** What went wrong, as a word a program can test. New codes are added here, so that one list documents them all. */
export type ErrorCode =
  | 'BAD_OPTION' // an option's value is out of its range, or its name is unknown
  | 'SHAPE_MISMATCH' // tensors that must agree in shape do not
  | 'DISPOSED' // a tensor or resource was used after it had been disposed
  | 'INCOMPATIBLE' // a plug-in needs something that the host does not offer
  | 'HOOK_FAILED' // a plug-in's or host's hook threw
  | 'NOT_FINITE' // a loss or gradient became NaN, infinite or longer than the limit
  | 'BACKEND' // the tensor library reported an error
  | 'BACKEND_MISSING' // the tensor library could not be found or loaded
  | 'OUT_OF_MEMORY' // the tensor library ran out of memory
  | 'NOT_RECORDABLE' // a step reads a tensor's value, so that it cannot be compiled
  | 'DATA' // images, labels or caches are missing or unusable
  | 'IO' // a file or folder could not be read or written
  | 'RUN_BUSY' // another process works in the same run folder
  | 'WORKER_LOST' // another process of the same run died, or did not answer in time
  | 'CLUSTER' // processes that train together could not meet
  | 'WORKERS_DIFFER' // they met, but do not hold the same weights or configuration
  | 'CHECKPOINT' // a checkpoint is damaged or belongs to another configuration
  | 'USAGE' // the command line was wrong
  | 'CANCELLED'; // the work was stopped by a signal

export interface SslErrorOptions {
  /** What the user can do about it, as a full sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The one error class of all `@contrastive` packages: the message says who, what was given and what must hold. */
export class SslError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: SslErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SslError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** Text for a person: message and hint, one line each. */
export function describeError(error: unknown): string {
  if (error instanceof SslError) return error.hint === undefined ? error.message : `${error.message}\n  ${error.hint}`;
  return error instanceof Error ? error.message : String(error);
}
