import * as tf from '@tensorflow/tfjs-core';
import { whiten64 } from '../kernels/whitening.js';
import { DT } from '../native/dtype.js';
import { BACKEND_NAME, type NodeBackend } from './backend.js';
import { ATTR, type OpAttr } from './tfjs-binding.js';

const type = (name: string, dtype: number): OpAttr => ({ name, type: ATTR.type, value: dtype });
const bool = (name: string, value: unknown): OpAttr => ({ name, type: ATTR.bool, value: value === true });
const float = (name: string, value: unknown): OpAttr => ({ name, type: ATTR.float, value });

const numberOf = (dtype: tf.DataType): number => DT[dtype];
const T = (tensor: tf.TensorInfo): OpAttr => type('T', numberOf(tensor.dtype));

type Kernel = (
  backend: NodeBackend,
  inputs: Record<string, tf.TensorInfo>,
  attrs: tf.NamedAttrMap,
) => tf.TensorInfo | tf.TensorInfo[];

const batchNormAttrs = (attrs: tf.NamedAttrMap): OpAttr[] => [
  type('T', DT.float32),
  type('U', DT.float32),
  float('epsilon', attrs.epsilon),
  { name: 'data_format', type: ATTR.string, value: 'NHWC' },
  bool('is_training', true),
];

/** Training-mode batch norm: `x [N,H,W,C]`, `scale [C]`, `offset [C]` → `[y, mean, unbiased variance, r1, r2, r3]`. */
const fusedBatchNorm: Kernel = (backend, { x, scale, offset }, attrs) => {
  const none = tf.tensor1d([], 'float32'); // no running statistics: the caller keeps them
  const op = [...batchNormAttrs(attrs), float('exponential_avg_factor', 1)];
  const outputs = backend.executeMultipleOutputs('FusedBatchNormV3', op, [x!, scale!, offset!, none, none], 6);
  none.dispose();
  return outputs;
};

/** Gradient of {@link fusedBatchNorm}: `dy, x, scale, r1, r2, r3` → `[dx, dscale, doffset]`. */
const fusedBatchNormGrad: Kernel = (backend, { dy, x, scale, r1, r2, r3 }, attrs) => {
  const inputs = [dy!, x!, scale!, r1!, r2!, r3!];
  const [dx, dscale, doffset, ...rest] = backend.executeMultipleOutputs(
    'FusedBatchNormGradV3',
    batchNormAttrs(attrs),
    inputs,
    5,
  );
  tf.dispose(rest);
  return [dx!, dscale!, doffset!];
};

/** `dy` where the ReLU's output `y` (or input) is positive, else 0. */
const reluGrad: Kernel = (backend, { dy, y }) => backend.executeSingleOutput('ReluGrad', [T(dy!)], [dy!, y!]);

/** Lower triangular factor of symmetric positive definite matrices `[..., M, M]`. */
const cholesky: Kernel = (backend, { input }) => backend.executeSingleOutput('Cholesky', [T(input!)], [input!]);

/** Solves `matrix · X = rhs` (or the adjoint's) for triangular `matrix [..., M, M]`, `rhs [..., M, K]`. */
const triangularSolve: Kernel = (backend, { matrix, rhs }, attrs) => {
  const op = [bool('lower', attrs.lower), bool('adjoint', attrs.adjoint), T(matrix!)];
  return backend.executeSingleOutput('MatrixTriangularSolve', op, [matrix!, rhs!]);
};

/**
 * tfjs-node's kernel reads all indices back to check their range, which would stop a step from being recorded; TensorFlow
 * checks them itself.
 */
const gather: Kernel = (backend, { x, indices }, attrs) => {
  const axis = tf.scalar(attrs.axis as number, 'int32');
  const op = [
    { name: 'batch_dims', type: ATTR.int, value: attrs.batchDims },
    type('Tparams', numberOf(x!.dtype)),
    type('Tindices', numberOf(indices!.dtype)),
    type('Taxis', DT.int32),
  ];
  const y = backend.executeSingleOutput('GatherV2', op, [x!, indices!, axis]);
  axis.dispose();
  return y;
};

/**
 * `x` as it is, but not before `gate` is there. A graph that computes something again from the result can neither share it with
 * the first computation nor start it early.
 */
const after: Kernel = (backend, { x, gate }) => {
  const types: OpAttr = { name: 'T', type: ATTR.type, value: [numberOf(x!.dtype), numberOf(gate!.dtype)] };
  const [same, passed] = backend.executeMultipleOutputs('IdentityN', [types], [x!, gate!], 2);
  passed!.dispose();
  return same!;
};

const KERNELS: Readonly<Record<string, Kernel>> = {
  FusedBatchNormV3: fusedBatchNorm,
  FusedBatchNormGradV3: fusedBatchNormGrad,
  ReluGrad: reluGrad,
  Cholesky: cholesky,
  MatrixTriangularSolve: triangularSolve,
  GatherV2: gather,
  Whiten64: whiten64,
  After: after,
};

/** Registers kernels beyond tfjs-node's own, under TensorFlow's op names or names of ours; callers find them with `tf.getKernel`. */
export function registerFusedKernels(): void {
  for (const [kernelName, kernel] of Object.entries(KERNELS)) {
    if (tf.getKernel(kernelName, BACKEND_NAME) !== undefined) tf.unregisterKernel(kernelName, BACKEND_NAME);
    tf.registerKernel({
      kernelName,
      backendName: BACKEND_NAME,
      kernelFunc: ({ inputs, backend, attrs }) =>
        kernel(backend as NodeBackend, inputs as Record<string, tf.TensorInfo>, attrs ?? {}),
    });
  }
}
