import { DT } from '../native/dtype.js';
import { type GraphNode, indexOf, nodeOf, type RecordedStep, type Ref } from './node.js';

/** Finds the producer and the users of a step's tensors, for passes that look for patterns. */
export class GraphIndex {
  readonly #nodes: ReadonlyMap<string, GraphNode>;
  readonly #uses = new Map<Ref, number>();

  constructor(step: RecordedStep) {
    this.#nodes = new Map(step.nodes.map((node) => [node.name, node]));
    const count = (ref: Ref) => this.#uses.set(ref, this.uses(ref) + 1);
    for (const node of step.nodes) node.inputs.forEach(count);
    for (const refs of [step.outputs.values(), step.assigns.values()]) for (const ref of refs) count(ref);
  }

  /** Inputs of nodes, outputs and assignments that are this tensor. */
  uses(ref: Ref): number {
    return this.#uses.get(ref) ?? 0;
  }

  /** The node whose first output this is, if it is one of these operations. */
  producer(ref: Ref, ...ops: readonly string[]): GraphNode | undefined {
    const node = this.#nodes.get(nodeOf(ref));
    return node !== undefined && indexOf(ref) === 0 && ops.includes(node.op) ? node : undefined;
  }

  shapeOf(ref: Ref): readonly number[] {
    return this.#nodes.get(nodeOf(ref))!.outputs[indexOf(ref)]!.shape;
  }

  /** Whether this is the value that a variable has before the step. */
  reads(ref: Ref, handle: Ref): boolean {
    return this.producer(ref, 'ReadVariableOp')?.inputs[0] === handle;
  }

  /** The value of a float32 scalar constant. */
  scalar(ref: Ref): number | undefined {
    const constant = this.producer(ref, 'Const')?.constant;
    if (constant === undefined || constant.dtype !== DT.float32 || constant.bytes.length !== 4) return undefined;
    return new DataView(constant.bytes.buffer, constant.bytes.byteOffset, 4).getFloat32(0, true);
  }

  /** The factors of `tensor × scalar constant`. */
  scaled(ref: Ref): { readonly tensor: Ref; readonly factor: number; readonly constant: Ref } | undefined {
    const product = this.producer(ref, 'Mul');
    for (const [tensor, constant] of product === undefined ? [] : bothWays(product)) {
      const factor = this.scalar(constant);
      if (factor !== undefined) return { tensor, factor, constant };
    }
    return undefined;
  }
}

/** The two inputs of a commutative operation, in either order. */
export const bothWays = ({ inputs: [a, b] }: GraphNode): readonly (readonly [Ref, Ref])[] => [
  [a!, b!],
  [b!, a!],
];

/** Operations that add two tensors. */
export const ADD = ['Add', 'AddV2'] as const;
