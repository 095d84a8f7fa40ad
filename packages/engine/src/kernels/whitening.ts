import type * as tf from '@tensorflow/tfjs-core';
import type { NodeBackend } from '../eager/backend.js';
import { ATTR, type OpAttr, type TensorMetadata } from '../eager/tfjs-binding.js';
import { DT } from '../native/dtype.js';

/** Eigenvalues at or below this share of the mean variance count as zero. */
const FLOOR = 1e-12;

const type = (name: string, value: number): OpAttr => ({ name, type: ATTR.type, value });
const bool = (name: string, value: boolean): OpAttr => ({ name, type: ATTR.bool, value });
const T = type('T', DT.float64);

/**
 * TensorFlow operations on tensors that tfjs has no type for (float64): ids of the binding instead of tfjs tensors, freed together.
 * They are recorded like any others.
 */
class Float64Scope {
  readonly #owned: number[] = [];

  constructor(readonly backend: NodeBackend) {}

  /** All outputs of an operation. */
  all(name: string, attrs: readonly OpAttr[], inputs: readonly number[], outputs = 1): TensorMetadata[] {
    const results = this.backend.binding.executeOp(name, attrs, inputs, outputs);
    this.#owned.push(...results.map((result) => result.id));
    return results;
  }

  run(name: string, attrs: readonly OpAttr[], ...inputs: number[]): number {
    return this.all(name, attrs, inputs)[0]!.id;
  }

  ints(values: readonly number[], shape: number[] = [values.length]): number {
    return this.#own(this.backend.binding.createTensor(shape, DT.int32, Int32Array.from(values)));
  }

  doubles(values: readonly number[], shape: number[] = [values.length]): number {
    return this.#own(this.backend.binding.createTensor(shape, DT.float64, Float64Array.from(values)));
  }

  cast = (id: number, from: number, to: number): number =>
    from === to ? id : this.run('Cast', [type('SrcT', from), type('DstT', to), bool('Truncate', false)], id);

  add = (a: number, b: number): number => this.run('AddV2', [T], a, b);
  sub = (a: number, b: number): number => this.run('Sub', [T], a, b);
  mul = (a: number, b: number): number => this.run('Mul', [T], a, b);
  div = (a: number, b: number): number => this.run('RealDiv', [T], a, b);

  reduce = (op: 'Mean' | 'Sum' | 'Min', x: number, axis: number, keepDims = false): number =>
    this.run(op, [T, type('Tidx', DT.int32), bool('keep_dims', keepDims)], x, this.ints([axis], [1]));

  matMul = (a: number, b: number, adjointA = false, adjointB = false): number =>
    this.run('BatchMatMulV2', [T, bool('adj_x', adjointA), bool('adj_y', adjointB)], a, b);

  select = (condition: number, a: number, b: number): number => this.run('SelectV2', [T], condition, a, b);

  expand = (x: number, axis: number): number =>
    this.run('ExpandDims', [T, type('Tdim', DT.int32)], x, this.ints([axis], []));

  /** A float32 tensor of tfjs; the caller's. */
  result(id: number, dtype: number = DT.float64): tf.Tensor {
    const [metadata] = this.backend.binding.executeOp(
      'Cast',
      [type('SrcT', dtype), type('DstT', DT.float32), bool('Truncate', false)],
      [id],
      1,
    );
    return this.backend.createOutputTensor(metadata!);
  }

  #own(id: number): number {
    this.#owned.push(id);
    return id;
  }

  /** Recorded tensors have negative ids and need no freeing. */
  dispose(): void {
    for (const id of this.#owned) if (id >= 0) this.backend.binding.deleteTensor(id);
  }
}

/**
 * `Whiten64`: mean, covariance and exact whitening of slices `x [b, w, k]` (float32), computed in float64 on the device, so that a
 * covariance of large condition keeps its precision. No step reads a value.
 *
 * Attributes: `method` `cholesky` (W = L⁻¹) or `zca` (W = S^(−1/2)); `epsilons`, shrinkage candidates of
 * S = (1 − ε) Σ + ε I in increasing order. With several, each slice takes the first that lifts the smallest eigenvalue above 1e-12 of
 * the mean variance (the last if none does). A slice whose S is not positive definite, pivots or eigenvalues at or below 1e-12 of
 * the mean variance included, becomes NaN.
 *
 * @returns float32 `[whitened [b, w, k], mean [b, k], covariance [b, k, k], matrix [b, k, k], scales [b, k], epsilon [b],
 *   vectors [b, k, k]]`: `scales` the diagonal of L or square roots of the eigenvalues; `vectors` the eigenvectors, or I.
 */
export function whiten64(
  backend: NodeBackend,
  { x }: Record<string, tf.TensorInfo>,
  attrs: tf.NamedAttrMap,
): tf.Tensor[] {
  const [b, w, k] = x!.shape as [number, number, number];
  const epsilons = attrs.epsilons as number[];
  const f = new Float64Scope(backend);
  try {
    const rows = f.cast(backend.getInputTensorIds([x!])[0]!, DT.float32, DT.float64);
    const mean = f.reduce('Mean', rows, 1, true);
    const centered = f.sub(rows, mean);
    const covariance = f.div(f.matMul(centered, centered, true), f.doubles([w - 1], []));
    const identity = f.doubles(
      Array.from({ length: k * k }, (_, at) => (at % (k + 1) === 0 ? 1 : 0)),
      [1, k, k],
    );
    const variances = f.run('MatrixDiagPart', [T], covariance);
    const floor = f.mul(f.reduce('Mean', variances, 1, true), f.doubles([FLOOR], [])); // [b, 1]
    const epsilon = chooseEpsilon(f, finite(f, covariance, identity), epsilons, floor, b);
    const wide = f.expand(f.expand(epsilon, 1), 2);
    const kept = f.sub(f.doubles([1], []), wide);
    const shrunk = f.add(f.mul(kept, covariance), f.mul(wide, identity));
    const parts =
      attrs.method === 'zca' ? byEigen(f, finite(f, shrunk, identity)) : byCholesky(f, shrunk, identity, [b, k]);
    const matrix = f.mul(parts.matrix, nanUnlessPositive(f, parts.scales, floor));
    const whitened = f.matMul(centered, matrix, false, true);
    const squeezed = f.run('Squeeze', [T, { name: 'squeeze_dims', type: ATTR.int, value: [1] }], mean);
    const results = [whitened, squeezed, covariance, matrix, parts.scales, epsilon, parts.vectors];
    return results.map((id) => f.result(id));
  } finally {
    f.dispose();
  }
}

interface Parts {
  readonly matrix: number;
  readonly scales: number;
  readonly vectors: number;
}

function byCholesky(f: Float64Scope, shrunk: number, identity: number, [b, k]: readonly [number, number]): Parts {
  const factor = f.run('Cholesky', [T], shrunk);
  const vectors = f.run('BroadcastTo', [T, type('Tidx', DT.int32)], identity, f.ints([b, k, k]));
  const matrix = f.run('MatrixTriangularSolve', [T, bool('lower', true), bool('adjoint', false)], factor, vectors);
  return { matrix, scales: f.run('MatrixDiagPart', [T], factor), vectors };
}

function byEigen(f: Float64Scope, shrunk: number): Parts {
  const [values, vectors] = f.all('SelfAdjointEigV2', [T, bool('compute_v', true)], [shrunk], 2);
  const scales = f.run('Sqrt', [T], values!.id);
  const scaled = f.div(vectors!.id, f.expand(scales, 1));
  return { matrix: f.matMul(scaled, vectors!.id, false, true), scales, vectors: vectors!.id };
}

/** `matrix` where all is finite, else `identity`: the eigen-decomposition refuses NaN, and its slice is NaN anyway by its rows. */
const finite = (f: Float64Scope, matrix: number, identity: number): number =>
  f.select(f.run('IsFinite', [T], matrix), matrix, identity);

/** [b, 1, 1]: 1 where the squares of all scales are above the floor [b, 1], else NaN: that slice cannot be whitened. */
function nanUnlessPositive(f: Float64Scope, scales: number, floor: number): number {
  const smallest = f.reduce('Min', scales, 1, true);
  const isPositive = f.run('Greater', [T], f.mul(smallest, smallest), floor);
  return f.expand(f.select(isPositive, f.doubles([1], []), f.doubles([Number.NaN], [])), 2);
}

/** ε of each slice, [b] float64: the number of candidates that fail is the place of the first that does not. */
function chooseEpsilon(
  f: Float64Scope,
  covariance: number,
  epsilons: readonly number[],
  floor: number,
  b: number,
): number {
  const candidates = f.doubles(epsilons);
  if (epsilons.length === 1) {
    return f.run('BroadcastTo', [T, type('Tidx', DT.int32)], candidates, f.ints([b]));
  }
  const [values] = f.all('SelfAdjointEigV2', [T, bool('compute_v', false)], [covariance], 2);
  const smallest = f.run('Slice', [T, type('Index', DT.int32)], values!.id, f.ints([0, 0]), f.ints([b, 1]));
  const row = f.expand(candidates, 0);
  const lifted = f.add(f.mul(f.sub(f.doubles([1], []), row), smallest), row); // [b, candidates]
  const fails = f.run('Cast', [type('SrcT', DT.bool), type('DstT', DT.int32)], f.run('LessEqual', [T], lifted, floor));
  const count = f.run(
    'Sum',
    [type('T', DT.int32), type('Tidx', DT.int32), bool('keep_dims', false)],
    fails,
    f.ints([1]),
  );
  const index = f.run('Minimum', [type('T', DT.int32)], count, f.ints([epsilons.length - 1], []));
  const gather = [type('Tparams', DT.float64), type('Tindices', DT.int32), type('Taxis', DT.int32)];
  return f.run(
    'GatherV2',
    [...gather, { name: 'batch_dims', type: ATTR.int, value: 0 }],
    candidates,
    index,
    f.ints([0], []),
  );
}
