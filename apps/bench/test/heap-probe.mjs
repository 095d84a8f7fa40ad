// Loaded into every thread by --import: worker threads collect their garbage and tell what is left when the main thread asks.
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

if (!isMainThread) {
  const channel = new BroadcastChannel('heap').unref();
  channel.onmessage = () => {
    globalThis.gc?.();
    channel.postMessage(process.memoryUsage().heapUsed);
  };
}
