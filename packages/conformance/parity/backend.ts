import type { Runtime } from '@contrastive/core';

/** The tensor library that the cases run on. */
export interface LoadedBackend {
  readonly name: string;
  /** Absent where nothing can compile. */
  readonly compiled: Runtime | undefined;
}

/** TensorFlow if this machine has it, else the slow JavaScript backend, which only runs eagerly. */
export async function loadBackend(): Promise<LoadedBackend> {
  const tf = await import('@tensorflow/tfjs'); // gradients, and the cpu backend
  try {
    const engine = await import('@contrastive/engine');
    const { version } = await engine.loadTensorFlow({ threads: 2 });
    return {
      name: `tensorflow ${version}`,
      compiled: engine.compiledRuntime(),
    };
  } catch (error) {
    console.error(`parity: ${error instanceof Error ? error.message.split('\n')[0] : error}; using the cpu backend.`);
    await tf.setBackend('cpu');
    return { name: 'cpu', compiled: undefined };
  }
}
