// One worker of a comparison: trains the cases that its parent names, one after the other.
import { compiledRuntime, joinCluster, loadTensorFlow } from '@contrastive/engine';
import { CASES } from './cases.js';
import type { Assignment, Message } from './launch.js';
import { train } from './train.js';

const { workers, rank, names, steps, timeoutSeconds } = JSON.parse(process.env.ASSIGNMENT!) as Assignment;
const send = (message: Message) => new Promise<void>((resolve) => process.send!(message, () => resolve()));

try {
  await loadTensorFlow({ threads: 1 });
  const cluster = await joinCluster({ workers, rank, timeoutSeconds, threads: 1 });
  const runtime = compiledRuntime({ cluster });
  for (const name of names) {
    const given = CASES.find((c) => c.name === name)!;
    const learned = await train(given, { runtime, collective: cluster.collective, workers: workers.length, steps });
    await send({ rank, name, learned });
  }
} catch (error) {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  await send({ rank, failed: `${code ?? 'error'}: ${message}` });
}
// A server cannot be stopped, and the others may still need it: the parent ends the process.
