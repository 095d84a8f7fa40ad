import { SslError } from '@contrastive/core';
import type { CApi, OutputRef, Pointer } from '../native/c-api.js';
import { bufferBytes } from '../native/memory.js';
import { type OpDefs, splitInputs } from '../native/op-defs.js';
import { readFields, textOf } from '../native/protobuf.js';
import { outputArray } from '../native/session.js';
import { checkStatus } from '../native/status.js';
import type { TensorSpec } from './node.js';

/** An operation that was added to the graph. */
export interface AddedOp {
  readonly outputs: readonly TensorSpec[];
  readonly refs: readonly OutputRef[];
  /** All attributes, with those that TensorFlow inferred and its defaults. */
  readonly attrs: ReadonlyMap<string, Uint8Array>;
}

/**
 * Outputs whose shape TensorFlow does not know and nobody asks for: of batch norm what only its own gradient reads, of a collective
 * what is reshaped at once.
 */
const OPAQUE_OUTPUTS: Readonly<Record<string, number>> = { FusedBatchNormV3: 5, CollectiveGatherV2: 0 };

/**
 * A graph that is never run: TensorFlow infers the type and shape of every output and fills in every attribute, so that a step
 * can be recorded without computing anything.
 */
export class ShapeGraph {
  readonly #graph: Pointer;
  readonly #status: Pointer;

  constructor(
    readonly api: CApi,
    readonly opDefs: OpDefs,
  ) {
    this.#graph = api.newGraph();
    this.#status = api.newStatus();
  }

  dispose(): void {
    this.api.deleteGraph(this.#graph);
    this.api.deleteStatus(this.#status);
  }

  /** @throws SslError `BACKEND` if the operation does not accept the inputs; `NOT_RECORDABLE` if a shape depends on values. */
  add(name: string, op: string, attrs: ReadonlyMap<string, Uint8Array>, inputs: readonly OutputRef[]): AddedOp {
    const { api } = this;
    const def = this.opDefs.get(op);
    const description = api.newOperation(this.#graph, op, name);
    for (const input of splitInputs(op, def, inputs)) {
      if (Array.isArray(input)) api.addInputList(description, outputArray(input), input.length);
      else if (input !== undefined) api.addInput(description, input);
    }
    // Eagerly TensorFlow ignores attributes that an operation does not have, and some kernels of tfjs-node rely on it.
    for (const [key, value] of attrs) {
      if (def.attrs.has(key)) api.setAttrValueProto(description, key, value, value.length, this.#status);
    }
    const operation = api.finishOperation(description, this.#status);
    checkStatus(api, this.#status, op);
    const refs = Array.from({ length: api.operationOutputs(operation!) }, (_, index) => ({ oper: operation!, index }));
    return { refs, outputs: refs.map((ref) => this.#describe(op, ref)), attrs: this.#attributes(operation!) };
  }

  #describe(op: string, ref: OutputRef): TensorSpec {
    const { api } = this;
    const rank = api.outputRank(this.#graph, ref, this.#status);
    checkStatus(api, this.#status, op);
    const dims = new BigInt64Array(Math.max(rank, 1));
    if (rank > 0) api.outputShape(this.#graph, ref, dims, rank, this.#status);
    checkStatus(api, this.#status, op);
    const shape = Array.from(dims.subarray(0, Math.max(rank, 0)), Number);
    const isUnknown = rank < 0 || shape.some((d) => d < 0);
    if (isUnknown && ref.index === OPAQUE_OUTPUTS[op]) return { dtype: api.outputType(ref), shape: [0] };
    if (isUnknown) {
      throw new SslError(
        'NOT_RECORDABLE',
        `the shape of what ${op} returns depends on values, which are known only at run time.`,
        {
          hint: 'A step needs fixed shapes: mask instead of selecting, or select outside of the step.',
        },
      );
    }
    return { dtype: api.outputType(ref), shape };
  }

  #attributes(operation: Pointer): Map<string, Uint8Array> {
    const { api } = this;
    const buffer = api.newBuffer();
    api.operationToNodeDef(operation, buffer, this.#status);
    const bytes = bufferBytes(buffer);
    api.deleteBuffer(buffer);
    checkStatus(api, this.#status, 'reading attributes');
    const attrs = new Map<string, Uint8Array>();
    for (const { field, value } of readFields(bytes)) {
      if (field !== 5) continue; // NodeDef.attr: { key = 1, value = 2 }
      const [key, attr] = [...readFields(value as Uint8Array)];
      const name = textOf(key!.value);
      if (name !== '_output_shapes') attrs.set(name, attr!.value as Uint8Array);
    }
    return attrs;
  }
}
