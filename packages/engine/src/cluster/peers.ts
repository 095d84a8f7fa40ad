import { connect } from 'node:net';
import { SslError } from '@contrastive/core';

const RETRY_MS = 200;
/** A host that is not there yet may swallow a connection without an answer. */
const ATTEMPT_MS = 5000;

/** Waits until something listens at every address. @throws SslError `CLUSTER`, with those that did not appear. */
export async function waitForPeers(addresses: readonly string[], timeoutSeconds: number): Promise<void> {
  const deadline = performance.now() + 1000 * timeoutSeconds;
  const missing = new Set(addresses);
  await Promise.all(
    addresses.map(async (address) => {
      while (performance.now() < deadline) {
        if (await isListening(address, Math.min(ATTEMPT_MS, deadline - performance.now()))) {
          missing.delete(address);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }),
  );
  if (missing.size === 0) return;
  throw new SslError(
    'CLUSTER',
    `joinCluster: no worker appeared at ${[...missing].join(', ')} within ${timeoutSeconds} s.`,
    {
      hint: 'Start all workers with the same list of addresses, and let their ports through.',
    },
  );
}

const isListening = (address: string, timeoutMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
    const socket = connect({ host, port: Number(address.slice(colon + 1)) });
    const end = (answer: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(false), timeoutMs);
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
