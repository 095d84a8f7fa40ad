import type { AnyHost, AnyPlugin, Runtime } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';

/** A method, or several that are used together, as the checks try it. */
export interface MethodCase {
  readonly make: () => AnyPlugin | readonly AnyPlugin[];
  /** With the options under which it does nothing over this host; leave it out if there are none. */
  readonly neutral?: (host: AnyHost) => AnyPlugin | readonly AnyPlugin[];
}

const listOf = (made: AnyPlugin | readonly AnyPlugin[]): readonly AnyPlugin[] =>
  Array.isArray(made) ? (made as readonly AnyPlugin[]) : [made as AnyPlugin];

/** The cell of a method and a host, and the context of its checks. */
export const cellOf = ({ make, neutral }: MethodCase, host: () => AnyHost, recorded: Runtime | undefined) => ({
  cell: { host, plugins: () => listOf(make()) },
  context: { recorded, neutral: neutral && (() => listOf(neutral(host()))) },
});

/**
 * The runtime that records steps, on one thread so that results repeat bit by bit; TensorFlow then also runs the eager steps.
 *
 * @returns the reason instead where TensorFlow cannot be loaded.
 */
export async function recordedRuntime(): Promise<Runtime | { readonly missing: string }> {
  const engine = await import('@contrastive/engine');
  try {
    await engine.loadTensorFlow({ threads: 1 });
    return engine.compiledRuntime({ threads: 1 });
  } catch (error) {
    await tf.setBackend('cpu'); // for the eager steps; results repeat bit by bit
    return { missing: error instanceof Error ? error.message.split('\n')[0]! : String(error) };
  }
}
