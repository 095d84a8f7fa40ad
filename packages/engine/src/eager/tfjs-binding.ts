/** An operation's attribute as tfjs-node's kernels give it. */
export interface OpAttr {
  readonly name: string;
  /** One of {@link ATTR}. */
  readonly type: number;
  readonly value: unknown;
}

/** One result of an operation. */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** Kinds of attributes, by tfjs-node's numbers. */
export const ATTR = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5, resource: 8 } as const;

/** What tfjs-node's `NodeJSKernelBackend` asks of its native part. */
export interface TfjsBinding {
  createTensor(shape: number[], dtype: number, values: ArrayBufferView | readonly (number | Uint8Array)[]): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array | BigInt64Array | Uint8Array[];
  executeOp(name: string, attrs: readonly OpAttr[], inputs: readonly number[], outputs: number): TensorMetadata[];
  getNumOfTensors(): number;
  getNumOfSavedModels(): number;
  isUsingGpuDevice(): boolean;
}
