import { ATTR } from '../../eager/tfjs-binding.js';
import { DT } from '../../native/dtype.js';
import { boolAttr, encodeAttr, typeAttr } from '../attr-value.js';
import {
  type GraphNode,
  indexOf,
  nodeOf,
  type RecordedStep,
  type Ref,
  refTo,
  rewire,
  type TensorSpec,
} from '../node.js';
import { parameterRefs } from './parameters.js';

/** Which inputs of an operation may be bfloat16, and which of its outputs then are. */
interface Rule {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** Convolutions: always in bfloat16. What they sum up to for a kernel's gradient goes on in float32. */
const CONVOLUTIONS: Readonly<Record<string, Rule>> = {
  Conv2D: { inputs: [0, 1], outputs: [0] },
  Conv2DBackpropInput: { inputs: [1, 2], outputs: [0] },
  Conv2DBackpropFilter: { inputs: [0, 2], outputs: [] },
};

/** Matrix products: in bfloat16 if they belong to the network, see {@link Lowering}. */
const PRODUCTS: Readonly<Record<string, Rule>> = {
  MatMul: { inputs: [0, 1], outputs: [0] },
  BatchMatMulV2: { inputs: [0, 1], outputs: [0] },
};

/** Operations that stay in bfloat16 when all that they read is; statistics and parameters of batch norm stay float32. */
const FOLLOWERS: Readonly<Record<string, Rule>> = {
  Add: { inputs: [0, 1], outputs: [0] },
  AddV2: { inputs: [0, 1], outputs: [0] },
  AvgPool: { inputs: [0], outputs: [0] },
  AvgPoolGrad: { inputs: [1], outputs: [0] },
  FusedBatchNormGradV3: { inputs: [0, 1], outputs: [0] },
  FusedBatchNormV3: { inputs: [0], outputs: [0] },
  IdentityN: { inputs: [0, 1], outputs: [0, 1] },
  Pad: { inputs: [0], outputs: [0] },
  PadV2: { inputs: [0], outputs: [0] },
  Relu: { inputs: [0], outputs: [0] },
  ReluGrad: { inputs: [0, 1], outputs: [0] },
  Reshape: { inputs: [0], outputs: [0] },
  Slice: { inputs: [0], outputs: [0] },
  Transpose: { inputs: [0], outputs: [0] },
};

/** `IdentityN`, with which a recomputed block waits for its gradient, has a type for each of its tensors. */
export const BOTH_BFLOAT16 = encodeAttr({ name: 'T', type: ATTR.type, value: [DT.bfloat16, DT.bfloat16] });

/** Inputs that must have the type of the others without being tensors of the network: the value that `PadV2` pads with. */
const TYPED_CONSTANTS: Readonly<Record<string, number>> = { PadV2: 2 };

/**
 * Computes the network in bfloat16: convolutions, its matrix products, and the activations between them. Weights are cast where
 * they are used, so that parameters, their gradients' sums, the optimiser, momentum encoders, batch statistics and losses stay
 * float32.
 */
export const bfloat16 = (step: RecordedStep): RecordedStep => new Lowering(step).run();

/**
 * A matrix product belongs to the network if a factor is a weight (a parameter variable, maybe reshaped or transposed), or if
 * both factors are in bfloat16 already or were cast for another product of the network (attention, gradients of weights).
 * Similarities of embeddings are none of these: embeddings are normalised in float32 first, and queues are not parameters.
 */
class Lowering {
  readonly #nodes: GraphNode[] = [];
  readonly #specs: ReadonlyMap<string, readonly TensorSpec[]>;
  readonly #weights: ReadonlySet<Ref>;
  readonly #weightShapes: ReadonlySet<string>;
  /** Tensors that are computed in bfloat16. */
  readonly #bfloat16 = new Set<Ref>();
  /** Those of them whose users may go on in bfloat16. */
  readonly #low = new Set<Ref>();
  /** bfloat16 copies of float32 tensors, and the other way round. */
  readonly #lowered = new Map<Ref, Ref>();
  readonly #raised = new Map<Ref, Ref>();

  constructor(readonly step: RecordedStep) {
    this.#specs = new Map(step.nodes.map((node) => [node.name, node.outputs]));
    this.#weights = parameterRefs(step);
    this.#weightShapes = new Set([...this.#weights].map((ref) => String(this.#specOf(ref).shape)));
  }

  run(): RecordedStep {
    for (const node of this.step.nodes) {
      const rule = this.#ruleFor(node);
      if (rule === undefined) this.#nodes.push({ ...node, inputs: node.inputs.map((ref) => this.#inFloat32(ref)) });
      else this.#lower(node, rule);
    }
    const { outputs, assigns, conditions } = this.step;
    const refs = [...outputs.values(), ...assigns.values(), ...(conditions?.values() ?? [])];
    const wide = new Map(refs.map((ref) => [ref, this.#inFloat32(ref)]));
    return rewire(this.step, this.#nodes, (ref) => wide.get(ref)!);
  }

  #ruleFor(node: GraphNode): Rule | undefined {
    if (node.outputs[0]?.dtype !== DT.float32) return undefined;
    const product = PRODUCTS[node.op];
    if (product !== undefined) return this.#productRule(node, product);
    const follower = FOLLOWERS[node.op];
    if (follower?.inputs.every((i) => this.#low.has(node.inputs[i]!))) return follower;
    return CONVOLUTIONS[node.op];
  }

  #productRule(node: GraphNode, rule: Rule): Rule | undefined {
    if (node.inputs.some((ref) => this.#weights.has(ref))) return rule;
    if (!node.inputs.every((ref) => this.#low.has(ref) || this.#lowered.has(ref))) return undefined;
    // A product of two activations in the shape of a weight is that weight's gradient, whose sums go on in float32.
    return this.#weightShapes.has(String(node.outputs[0]!.shape)) ? { ...rule, outputs: [] } : rule;
  }

  #lower(node: GraphNode, rule: Rule): void {
    const inputs = node.inputs.map((ref, i) =>
      rule.inputs.includes(i) || TYPED_CONSTANTS[node.op] === i ? this.#inBfloat16(ref) : this.#inFloat32(ref),
    );
    const type = node.op === 'IdentityN' ? BOTH_BFLOAT16 : typeAttr(DT.bfloat16);
    this.#nodes.push({ ...node, inputs, attrs: new Map([...node.attrs, ['T', type]]) });
    this.#bfloat16.add(node.name);
    for (const index of rule.outputs) this.#low.add(refTo(node.name, index));
  }

  #inBfloat16(ref: Ref): Ref {
    return this.#bfloat16.has(ref) ? ref : this.#cast(ref, DT.bfloat16, this.#lowered);
  }

  #inFloat32(ref: Ref): Ref {
    return this.#bfloat16.has(ref) ? this.#cast(ref, DT.float32, this.#raised) : ref;
  }

  #cast(ref: Ref, to: number, copies: Map<Ref, Ref>): Ref {
    const known = copies.get(ref);
    if (known !== undefined) return known;
    const name = `${to === DT.bfloat16 ? 'low' : 'high'}_${ref.replace(':', '_')}`;
    const attrs = new Map([
      ['SrcT', typeAttr(to === DT.bfloat16 ? DT.float32 : DT.bfloat16)],
      ['DstT', typeAttr(to)],
      ['Truncate', boolAttr(false)],
    ]);
    this.#nodes.push({
      name,
      op: 'Cast',
      inputs: [ref],
      attrs,
      outputs: [{ dtype: to, shape: this.#specOf(ref).shape }],
    });
    copies.set(ref, name);
    return name;
  }

  #specOf(ref: Ref): TensorSpec {
    return this.#specs.get(nodeOf(ref))![indexOf(ref)]!;
  }
}
