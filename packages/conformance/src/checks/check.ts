import type { Runtime } from '@contrastive/core';
import type { Cell } from '../cell.js';

/** What a check may need besides the cell. */
export interface CheckContext {
  /** The same method with options under which it does nothing; undefined where there are none (it replaces the host's loss). */
  readonly neutral?: Cell['plugins'] | undefined;
  /** A runtime that records steps; undefined where TensorFlow is missing. */
  readonly recorded?: Runtime | undefined;
}

/** One thing that every method must do over every host. */
export interface Check {
  /** A sentence without its subject. */
  readonly name: string;
  /** Why it cannot be made here; undefined if it can. */
  skip?(context: CheckContext): string | undefined;
  /** Throws if it does not hold. */
  run(cell: Cell, context: CheckContext): Promise<void>;
}
