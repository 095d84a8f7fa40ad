import { describeError, SslError } from '@contrastive/core';
import { type LoadOptions, loadTensorFlow, type TensorFlow } from './load.js';
import { useWasmBackend } from './wasm/backend.js';

/** The backend that was chosen, and why. */
export type SelectedBackend =
  | { readonly backend: 'tensorflow'; readonly reason: string; readonly tensorflow: TensorFlow }
  | { readonly backend: 'wasm'; readonly reason: string };

/**
 * Makes TensorFlow the current tfjs backend or, where its library cannot be had, wasm.
 *
 * @throws SslError for everything but a missing library: `BAD_OPTION`, `BACKEND`.
 */
export async function selectBackend(options: LoadOptions = {}): Promise<SelectedBackend> {
  try {
    const tensorflow = await loadTensorFlow(options);
    const reason = `TensorFlow ${tensorflow.version} from ${tensorflow.library.source}`;
    return { backend: 'tensorflow', reason, tensorflow };
  } catch (error) {
    if (!(error instanceof SslError && error.code === 'BACKEND_MISSING')) throw error;
    await useWasmBackend();
    return { backend: 'wasm', reason: describeError(error) };
  }
}
