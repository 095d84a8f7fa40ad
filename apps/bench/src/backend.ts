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
  readonly device?: RunConfig['device'];
  readonly xla?: boolean;
};

/** Loads the tensor library that the configuration asks for. @throws SslError `BACKEND_MISSING`, `BAD_OPTION`. */
export async function openBackend({ mode, precision, xla, ...where }: BackendOptions): Promise<Backend> {
  if (precision === 'bf16' && mode === 'eager') {
    throw new SslError('BAD_OPTION', 'precision bf16 needs compiled steps; eager ones compute in f32 only.', {
      hint: 'Use --mode compiled, or --precision f32.',
    });
  }
  const { tensorflow, notice } = await choose(where);
  if (tensorflow === undefined) {
    if (precision !== 'f32') {
      throw new SslError(
        'BAD_OPTION',
        `precision ${precision} needs TensorFlow; the wasm backend computes in f32 only.`,
        {
          hint: 'Use --precision f32, or run `contrastive setup`.',
        },
      );
    }
    return { runtime: eagerRuntime, description: 'wasm', notice };
  }
  const runtime =
    mode === 'eager'
      ? eagerRuntime
      : compiledRuntime({ precision, threads: where.threads, ...(xla === undefined ? {} : { xla }) });
  const { version, threads: used } = tensorflow;
  return { runtime, description: `TensorFlow ${version}, ${used} threads, ${mode} ${precision}`, notice };
}

async function choose({ backend, threads, device = 'auto' }: Omit<BackendOptions, 'mode' | 'precision' | 'xla'>) {
  if (backend === 'wasm') {
    if (device === 'gpu') throw new SslError('BAD_OPTION', 'device gpu needs TensorFlow; wasm runs on processors.');
    await useWasmBackend();
    return { tensorflow: undefined, notice: undefined };
  }
  const options = { threads, device };
  if (backend === 'tensorflow' || device === 'gpu') {
    return { tensorflow: await loadTensorFlow(options), notice: undefined };
  }
  const selected = await selectBackend(options);
  if (selected.backend === 'tensorflow') return { tensorflow: selected.tensorflow, notice: undefined };
  return { tensorflow: undefined, notice: `Using the slower wasm backend: ${oneLine(selected.reason)}` };
}
