import { constants } from 'node:os';

/** Signals that end a run after the step under way. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** From now on SIGINT and SIGTERM abort `signal` instead of ending the process; a second one ends it at once. */
  arm(): void;
  /** 128 + the signal's number, or 0 if there was none. */
  exitCode(): number;
  /** Signals end the process again. */
  dispose(): void;
}

export function createInterrupt(): Interrupt {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals) => {
    if (received !== undefined) process.exit(128 + constants.signals[signal]);
    received = signal;
    controller.abort();
  };
  return {
    signal: controller.signal,
    arm: () => {
      process.on('SIGINT', stop);
      process.on('SIGTERM', stop);
    },
    exitCode: () => (received === undefined ? 0 : 128 + constants.signals[received]),
    dispose: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
