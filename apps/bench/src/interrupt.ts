import { constants } from 'node:os';

/** Turns SIGINT and SIGTERM into an abort signal: the run ends after the step under way. A second signal ends the process at once. */
export function onInterrupt(): { readonly signal: AbortSignal; exitCode(): number; dispose(): void } {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals) => {
    if (received !== undefined) process.exit(128 + constants.signals[signal]);
    received = signal;
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    exitCode: () => (received === undefined ? 0 : 128 + constants.signals[received]),
    dispose: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
