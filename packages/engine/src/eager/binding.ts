import { SslError } from '@contrastive/core';
import type { CApi, Pointer } from '../native/c-api.js';
import { DT } from '../native/dtype.js';
import { OpDefs, splitInputs } from '../native/op-defs.js';
import { checkStatus } from '../native/status.js';
import { allocate, allocateStrings, type NativeValue, readTensor } from '../native/tensor.js';
import { cString, setAttribute } from './attributes.js';
import type { EagerContext } from './context.js';
import { ATTR, type OpAttr, type TensorMetadata, type TfjsBinding } from './tfjs-binding.js';

/** Takes over the operations while a step is recorded. Its tensors have ids below {@link FIRST_RECORDED_ID}. */
export interface OpRecorder {
  executeOp(name: string, attrs: readonly OpAttr[], inputs: readonly number[]): TensorMetadata[];
}

/** Ids of recorded tensors count down from here: tfjs-node uses −1 for "not written yet" and never deletes negative ids. */
export const FIRST_RECORDED_ID = -2;

/**
 * tfjs-node's native part over TensorFlow's eager C API. Every handle, shape, type and length is checked before it reaches the
 * library, so that a mistake in JavaScript is an {@link SslError} and never a crash.
 */
export class EagerBinding implements TfjsBinding {
  // The names that tfjs-node's kernels read.
  readonly TF_FLOAT = DT.float32;
  readonly TF_INT32 = DT.int32;
  readonly TF_INT64 = DT.int64;
  readonly TF_BOOL = DT.bool;
  readonly TF_COMPLEX64 = DT.complex64;
  readonly TF_STRING = DT.string;
  readonly TF_RESOURCE = DT.resource;
  readonly TF_UINT8 = DT.uint8;
  readonly TF_ATTR_STRING = ATTR.string;
  readonly TF_ATTR_INT = ATTR.int;
  readonly TF_ATTR_FLOAT = ATTR.float;
  readonly TF_ATTR_BOOL = ATTR.bool;
  readonly TF_ATTR_TYPE = ATTR.type;
  readonly TF_ATTR_SHAPE = ATTR.shape;
  readonly TF_ATTR_RESOURCE = ATTR.resource;
  readonly TF_Version: string;

  /** Signatures of all operations. */
  readonly opDefs: OpDefs;
  readonly #handles = new Map<number, Pointer>();
  readonly #status: Pointer;
  readonly #count = new Int32Array(1);
  #results = new BigUint64Array(64);
  #nextId = 0;
  #recorder: OpRecorder | undefined;

  constructor(
    readonly api: CApi,
    readonly context: EagerContext,
  ) {
    this.TF_Version = api.version();
    this.opDefs = new OpDefs(api);
    this.#status = api.newStatus();
  }

  /** Whether a step is being recorded. */
  get isRecording(): boolean {
    return this.#recorder !== undefined;
  }

  /** Sends all operations to `recorder` while `body` runs. */
  record<T>(recorder: OpRecorder, body: () => T): T {
    if (this.#recorder !== undefined)
      throw new SslError('NOT_RECORDABLE', 'a step cannot be prepared inside another one.');
    this.#recorder = recorder;
    try {
      return body();
    } finally {
      this.#recorder = undefined;
    }
  }

  createTensor(shape: number[], dtype: number, values: ArrayBufferView | readonly (number | Uint8Array)[]): number {
    const tensor =
      dtype === DT.string
        ? allocateStrings(this.api, shape, stringBytes(values))
        : allocate(this.api, shape, dtype, ArrayBuffer.isView(values) ? values : toTyped(dtype, values));
    const handle = this.api.newHandle(tensor, this.#status);
    this.api.deleteTensor(tensor);
    checkStatus(this.api, this.#status, 'creating a tensor');
    return this.#keep(handle);
  }

  deleteTensor(id: number): void {
    const handle = this.#handle(id);
    this.#handles.delete(id);
    this.api.deleteHandle(handle);
  }

  tensorDataSync(id: number): NativeValue['data'] {
    return this.readTensor(id).data;
  }

  /** Type, shape and values of a tensor. @throws SslError `NOT_RECORDABLE` for a tensor of a step that is being recorded. */
  readTensor(id: number): NativeValue {
    if (id <= FIRST_RECORDED_ID && this.#recorder !== undefined) {
      throw new SslError('NOT_RECORDABLE', 'the step reads the values of a tensor, which it has only when it runs.', {
        hint: 'Return the tensor from the step and read it outside, or pass the value in as an input.',
      });
    }
    const tensor = this.resolve(id);
    try {
      return readTensor(this.api, tensor);
    } finally {
      this.api.deleteTensor(tensor);
    }
  }

  /** The `TF_Tensor` of a tensor; the caller frees it. On the CPU it shares the tensor's memory. */
  resolve(id: number): Pointer {
    const tensor = this.api.handleResolve(this.#handle(id), this.#status);
    checkStatus(this.api, this.#status, 'reading a tensor');
    return tensor;
  }

  /** An eager tensor over a `TF_Tensor`, which stays the caller's. */
  adopt(tensor: Pointer): TensorMetadata {
    const handle = this.api.newHandle(tensor, this.#status);
    checkStatus(this.api, this.#status, 'creating a tensor');
    return this.#describe(handle);
  }

  executeOp(name: string, attrs: readonly OpAttr[], inputs: readonly number[], outputs: number): TensorMetadata[] {
    if (this.#recorder !== undefined) return this.#recorder.executeOp(name, attrs, inputs);
    const { api } = this;
    const def = this.opDefs.get(name);
    const handles = splitInputs(
      name,
      def,
      inputs.map((id) => this.#handle(id)),
    ).flat();
    const op = api.newOp(this.context.pointer, cString(name), this.#status);
    checkStatus(api, this.#status, name);
    try {
      for (const handle of handles) {
        api.opAddInput(op!, handle, this.#status);
        checkStatus(api, this.#status, name);
      }
      for (const attr of attrs) setAttribute(api, op!, attr, def.attrs.get(attr.name), this.#status);
      if (outputs > this.#results.length) this.#results = new BigUint64Array(outputs);
      this.#count[0] = outputs;
      api.execute(op!, this.#results, this.#count, this.#status);
      checkStatus(api, this.#status, name);
    } finally {
      api.deleteOp(op!);
    }
    return Array.from({ length: this.#count[0] }, (_, i) => this.#describe(this.#results[i]!));
  }

  getNumOfTensors = (): number => this.#handles.size;
  getNumOfSavedModels = (): number => 0;
  isUsingGpuDevice = (): boolean => this.context.devices.some((device) => device.type === 'GPU');

  #keep(handle: Pointer): number {
    this.#handles.set(this.#nextId, handle);
    return this.#nextId++;
  }

  #describe(handle: Pointer): TensorMetadata {
    const { api } = this;
    const rank = api.handleRank(handle, this.#status);
    const shape = Array.from({ length: rank }, (_, i) => Number(api.handleDim(handle, i, this.#status)));
    return { id: this.#keep(handle), shape, dtype: api.handleType(handle) };
  }

  #handle(id: number): Pointer {
    const handle = this.#handles.get(id);
    if (handle !== undefined) return handle;
    throw id <= FIRST_RECORDED_ID
      ? new SslError('DISPOSED', 'this tensor belongs to a step that was recorded; it has no values outside of it.')
      : new SslError('DISPOSED', `tensor ${id} was disposed or never existed.`);
  }
}

const stringBytes = (values: ArrayBufferView | readonly (number | Uint8Array)[]): Uint8Array[] => {
  const list = Array.isArray(values) ? (values as unknown[]) : [];
  if (list.every((v) => v instanceof Uint8Array)) return list as Uint8Array[];
  throw new SslError('SHAPE_MISMATCH', 'tensor: the values of a string tensor must be lists of bytes.');
};

function toTyped(dtype: number, values: readonly (number | Uint8Array)[]): ArrayBufferView {
  const numbers = Array.from(values, Number);
  if (dtype === DT.float32 || dtype === DT.complex64) return Float32Array.from(numbers);
  if (dtype === DT.int32) return Int32Array.from(numbers);
  if (dtype === DT.int64) return BigInt64Array.from(numbers, (n) => BigInt(Math.trunc(n)));
  return Uint8Array.from(numbers);
}
