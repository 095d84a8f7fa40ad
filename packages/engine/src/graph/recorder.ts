import { SslError } from '@contrastive/core';
import { type EagerBinding, FIRST_RECORDED_ID, type OpRecorder } from '../eager/binding.js';
import type { OpAttr, TensorMetadata } from '../eager/tfjs-binding.js';
import type { OutputRef } from '../native/c-api.js';
import { DT, dtypeName } from '../native/dtype.js';
import { bytesOf } from '../native/memory.js';
import { encodeAttr, shapeAttr, stringAttr, tensorAttr, typeAttr } from './attr-value.js';
import { type ConstantValue, type GraphNode, type Ref, refTo, type TensorSpec } from './node.js';
import { ShapeGraph } from './shape-graph.js';

/** Larger constants are not shown to shape inference, which needs the values of shapes, axes and the like only. */
const MAX_SHOWN_BYTES = 4096;

interface Recorded {
  readonly ref: Ref;
  readonly native: OutputRef;
}

/** Writes down the operations of one step as nodes, without running them. */
export class Recorder implements OpRecorder {
  readonly nodes: GraphNode[] = [];
  readonly #shapes: ShapeGraph;
  readonly #recorded = new Map<number, Recorded>();
  #nextId = FIRST_RECORDED_ID;

  /**
   * @param onCapture called with the id of each tensor from outside of the step that becomes a constant of it; may throw.
   */
  constructor(
    readonly binding: EagerBinding,
    readonly onCapture: (id: number) => void = () => {},
  ) {
    this.#shapes = new ShapeGraph(binding.api, binding.opDefs);
  }

  dispose(): void {
    this.#shapes.dispose();
  }

  executeOp(op: string, attrs: readonly OpAttr[], inputs: readonly number[]): TensorMetadata[] {
    const sources = inputs.map((id) => this.#source(id));
    const encoded = new Map(attrs.map((attr) => [attr.name, encodeAttr(attr)]));
    return this.#add(op, encoded, sources);
  }

  /** An input of the step. */
  placeholder(spec: TensorSpec): TensorMetadata {
    const attrs = new Map([
      ['dtype', typeAttr(spec.dtype)],
      ['shape', shapeAttr(spec.shape)],
    ]);
    return this.#add('Placeholder', attrs, [])[0]!;
  }

  /** Handle and first value of a variable. @param sharedName under which all steps of a session find the same variable. */
  variable(spec: TensorSpec, sharedName: string): { handle: Ref; value: TensorMetadata } {
    const dtype = ['dtype', typeAttr(spec.dtype)] as const;
    const handleAttrs = new Map([dtype, ['shape', shapeAttr(spec.shape)], ['shared_name', stringAttr(sharedName)]]);
    const handle = this.#recorded.get(this.#add('VarHandleOp', handleAttrs, [])[0]!.id)!;
    return { handle: handle.ref, value: this.#add('ReadVariableOp', new Map([dtype]), [handle])[0]! };
  }

  /** Where the value of a tensor comes from; a tensor from outside of the step becomes a constant. */
  refOf = (id: number): Ref => this.#source(id).ref;

  #add(op: string, attrs: ReadonlyMap<string, Uint8Array>, inputs: readonly Recorded[]): TensorMetadata[] {
    const name = `n${this.nodes.length}`;
    const natives = inputs.map((i) => i.native);
    const added = this.#shapes.add(name, op, attrs, natives);
    this.nodes.push({ name, op, inputs: inputs.map((i) => i.ref), attrs: added.attrs, outputs: added.outputs });
    return added.outputs.map(({ dtype, shape }, index) => {
      const id = this.#nextId--;
      this.#recorded.set(id, { ref: refTo(name, index), native: added.refs[index]! });
      return { id, dtype, shape: [...shape] };
    });
  }

  #source(id: number): Recorded {
    const known = this.#recorded.get(id);
    if (known !== undefined) return known;
    this.onCapture(id);
    const { dtype, shape, data } = this.binding.readTensor(id);
    if (dtype === DT.string || dtype === DT.resource) {
      throw new SslError('NOT_RECORDABLE', `the step uses a ${dtypeName(dtype)} tensor, which cannot be compiled.`);
    }
    const source = this.#constant({ dtype, shape, bytes: bytesOf(data as ArrayBufferView) });
    this.#recorded.set(id, source);
    return source;
  }

  #constant(constant: ConstantValue): Recorded {
    const { dtype, shape, bytes } = constant;
    const name = `n${this.nodes.length}`;
    const shown = bytes.length <= MAX_SHOWN_BYTES;
    const attrs = shown
      ? new Map([
          ['dtype', typeAttr(dtype)],
          ['value', tensorAttr(constant)],
        ])
      : new Map([
          ['dtype', typeAttr(dtype)],
          ['shape', shapeAttr(shape)],
        ]);
    const added = this.#shapes.add(name, shown ? 'Const' : 'Placeholder', attrs, []);
    this.nodes.push({ name, op: 'Const', inputs: [], attrs: new Map(), outputs: [{ dtype, shape }], constant });
    return { ref: name, native: added.refs[0]! };
  }
}
