import { eagerRuntime, type Runtime, SslError } from '@contrastive/core';
import { compiledRuntime, loadTensorFlow, selectBackend, useWasmBackend } from '@contrastive/engine';
import type { RunConfig } from './config.js';
import { oneLine } from './exit.js';

/** What a run computes with. */
export interface Backend {
  readonly runtime: Runtime;
  /** For people and records: `TensorFlow 2.21.0, 2 threads, compiled f32`, or `wasm`. */
  readonly description: string;
  /** One line that says why this is not the fast backend and what to do; undefined if it is. */
  readonly notice: string | undefined;
}

export type BackendOptions = Pick<RunConfig, 'backend' | 'mode' | 'precision'> & {
  readonly threads?: number | undefined;
};

/** Loads the tensor library that the configuration asks for. @throws SslError `BACKEND_MISSING`, `BAD_OPTION`. */
export async function openBackend({ backend, mode, precision, threads }: BackendOptions): Promise<Backend> {
  if (precision === 'bf16' && mode === 'eager') {
    throw new SslError('BAD_OPTION', 'precision bf16 needs compiled steps; eager ones compute in f32 only.', {
      hint: 'Use --mode compiled, or --precision f32.',
    });
  }
  const { tensorflow, notice } = await choose(backend, threads);
  if (tensorflow === undefined) {
    if (precision === 'bf16') {
      throw new SslError('BAD_OPTION', 'precision bf16 needs TensorFlow; the wasm backend computes in f32 only.', {
        hint: 'Use --precision f32, or run `contrastive setup`.',
      });
    }
    return { runtime: eagerRuntime, description: 'wasm', notice };
  }
  const runtime = mode === 'eager' ? eagerRuntime : compiledRuntime({ precision, threads });
  const { version, threads: used } = tensorflow;
  return { runtime, description: `TensorFlow ${version}, ${used} threads, ${mode} ${precision}`, notice };
}

async function choose(backend: RunConfig['backend'], threads: number | undefined) {
  if (backend === 'wasm') {
    await useWasmBackend();
    return { tensorflow: undefined, notice: undefined };
  }
  if (backend === 'tensorflow') return { tensorflow: await loadTensorFlow({ threads }), notice: undefined };
  const selected = await selectBackend({ threads });
  if (selected.backend === 'tensorflow') return { tensorflow: selected.tensorflow, notice: undefined };
  return { tensorflow: undefined, notice: `Using the slower wasm backend: ${oneLine(selected.reason)}` };
}
