import { createRequire } from 'node:module';
import util from 'node:util';
import { SslError } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import type { EagerBinding } from './binding.js';
import { registerFusedKernels } from './kernels.js';
import type { OpAttr, TensorMetadata, TfjsBinding } from './tfjs-binding.js';

/** Name under which tfjs-node's kernels, and so this backend, are registered. */
export const BACKEND_NAME = 'tensorflow';

interface TensorEntry {
  readonly shape: number[];
  readonly dtype: number;
  id: number;
  values: unknown;
}

/** The part of tfjs-node's backend class that the engine uses. */
export interface NodeBackend extends tf.KernelBackend {
  readonly binding: TfjsBinding;
  readonly tensorMap: { has(dataId: object): boolean; get(dataId: object): TensorEntry };
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  executeSingleOutput(name: string, attrs: readonly OpAttr[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attrs: readonly OpAttr[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
}

type NodeBackendClass = new (binding: TfjsBinding, packageName: string) => NodeBackend;

/** tfjs-node calls two helpers that Node 23 removed. */
function restoreUtilHelpers(): void {
  const helpers = util as unknown as Record<string, unknown>;
  helpers.isArray ??= Array.isArray;
  helpers.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
}

/**
 * The backend class and kernels of tfjs-node by deep import. The package's own entry point, which wants the compiled addon, is
 * never loaded.
 */
function loadNodeBackend(): NodeBackendClass {
  restoreUtilHelpers();
  const require = createRequire(import.meta.url);
  const dist = '@tensorflow/tfjs-node-gpu/dist';
  require(`${dist}/register_all_kernels.js`);
  return (require(`${dist}/nodejs_kernel_backend.js`) as { NodeJSKernelBackend: NodeBackendClass }).NodeJSKernelBackend;
}

/** Registers the backend with tfjs and makes it the current one. */
export function installBackend(binding: EagerBinding): NodeBackend {
  const Base = loadNodeBackend();
  class TensorFlowBackend extends Base {
    override getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[] {
      for (const tensor of tensors) checkAlive(tensor);
      return super.getInputTensorIds(tensors);
    }
  }
  registerFusedKernels();
  const backend = new TensorFlowBackend(binding, '@tensorflow/tfjs-node-gpu');
  const PRIORITY = 3;
  if (!tf.registerBackend(BACKEND_NAME, () => backend, PRIORITY)) {
    throw new SslError('BACKEND', `another tfjs backend is registered as '${BACKEND_NAME}' already.`, {
      hint: 'Do not import @tensorflow/tfjs-node or @tensorflow/tfjs-node-gpu beside @contrastive/engine.',
    });
  }
  // The factory is synchronous, so the backend is current when `setBackend` returns.
  void tf.setBackend(BACKEND_NAME);
  return backend;
}

/** tfjs looks a disposed tensor up on other backends and fails with a `TypeError`; say what happened instead. */
function checkAlive(tensor: tf.TensorInfo): void {
  if (tensor instanceof tf.Tensor && tensor.isDisposed) {
    throw new SslError('DISPOSED', `a ${tensor.dtype} tensor [${tensor.shape}] was used after it had been disposed.`);
  }
}
