import { createRequire } from 'node:module';
import path from 'node:path';
import { SslError } from '@contrastive/core';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { registerWasmKernels } from './kernels.js';

/**
 * Makes tfjs's wasm backend the current one, with the kernels added that training needs. It runs on one core (tfjs uses no
 * threads in Node) and has no compiled steps: use core's `eagerRuntime`.
 *
 * @throws SslError `BACKEND_MISSING` if WebAssembly does not start.
 */
export async function useWasmBackend(): Promise<void> {
  const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  if (tf.getBackend() !== 'wasm') setWasmPaths(`${path.dirname(entry)}${path.sep}`);
  await import('@tensorflow/tfjs'); // registers the gradients, which tfjs-core lacks; tfjs-node loads it by itself
  if (!(await tf.setBackend('wasm'))) {
    throw new SslError('BACKEND_MISSING', 'the wasm backend could not be started.', {
      hint: 'It needs WebAssembly with SIMD, which Node has unless --jitless is given.',
    });
  }
  registerWasmKernels();
}
