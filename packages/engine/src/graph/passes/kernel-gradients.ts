import { ATTR } from '../../eager/tfjs-binding.js';
import { DT } from '../../native/dtype.js';
import { boolAttr, encodeAttr, intAttr, stringAttr, typeAttr } from '../attr-value.js';
import { type GraphNode, indexOf, nodeOf, type RecordedStep, type Ref, refTo, type TensorSpec } from '../node.js';

const SIZE = 3;
/** Below these, oneDNN's own gradient is as fast or faster (measured on AVX-512: 0.52 of its time at 4 × 4 × 512, 0.77 at 8 × 8 × 256, 1.23 at 16 × 16 × 128). */
const MIN_CHANNELS = 256;
const MAX_SIDE = 8;

/**
 * Computes the gradient of wide 3 × 3 kernels on small maps as nine matrix products, one for each place in the kernel: on processors,
 * oneDNN's bfloat16 gradient of such kernels is no faster than in float32, but its matrix products are twice as fast.
 *
 *   dK[i, j] = Σ over images and cells of  x[· + i − 1, · + j − 1]ᵀ dy
 */
export function expandKernelGradients(step: RecordedStep): RecordedStep {
  const specs = new Map(step.nodes.map((node) => [node.name, node.outputs]));
  const specOf = (ref: Ref): TensorSpec => specs.get(nodeOf(ref))![indexOf(ref)]!;
  const padded = new Map<Ref, Ref>();
  const nodes = step.nodes.flatMap((node) => {
    if (!isExpandable(node, specOf)) return [node];
    const builder = new Builder(node);
    const taps = builder.taps(specOf(node.inputs[0]!), specOf(node.inputs[2]!), padded);
    return [...taps, ...builder.whole()];
  });
  return { ...step, nodes };
}

const ONES = String(encodeAttr({ name: 'dilations', type: ATTR.int, value: [1, 1, 1, 1] }));
const NHWC = String(stringAttr('NHWC'));
const INT32 = typeAttr(DT.int32);
const BFLOAT16 = String(typeAttr(DT.bfloat16));

function isExpandable({ op, attrs, inputs, outputs }: GraphNode, specOf: (ref: Ref) => TensorSpec): boolean {
  if (op !== 'Conv2DBackpropFilter' || String(attrs.get('T')) !== BFLOAT16) return false;
  if (String(attrs.get('dilations')) !== ONES || String(attrs.get('data_format')) !== NHWC) return false;
  const [x, dy] = [specOf(inputs[0]!).shape, specOf(inputs[2]!).shape];
  const [height, width, channels, made] = outputs[0]!.shape as [number, number, number, number];
  const keepsSide = x[1] === dy[1] && x[2] === dy[2]; // stride 1, one cell of padding on every side
  const isSmall = x[1]! <= MAX_SIDE && x[2]! <= MAX_SIDE && Math.min(channels, made) >= MIN_CHANNELS;
  return height === SIZE && width === SIZE && keepsSide && isSmall;
}

/** Makes the nodes in place of one gradient. Their tensors are bfloat16; like everywhere after that pass, specs keep the recorded type. */
class Builder {
  readonly #nodes: GraphNode[] = [];
  readonly #products: Ref[] = [];

  constructor(readonly gradient: GraphNode) {}

  /** The product of each place. @param padded the maps that were padded already, by their names. */
  taps(x: TensorSpec, dy: TensorSpec, padded: Map<Ref, Ref>): GraphNode[] {
    const [n, h, w, inputs] = x.shape as [number, number, number, number];
    const outputs = dy.shape[3]!;
    const [source, , direction] = this.gradient.inputs as [Ref, Ref, Ref];
    const rows = this.#reshape('dy', direction, [n * h * w, outputs]);
    let wide = padded.get(source);
    if (wide === undefined) {
      const edges = this.#integers('edges', [4, 2], [0, 0, 1, 1, 1, 1, 0, 0]);
      wide = this.#add('padded', 'Pad', [source, edges], [n, h + 2, w + 2, inputs]);
      padded.set(source, wide);
    }
    const size = this.#integers('size', [4], [n, h, w, inputs]);
    for (let i = 0; i < SIZE; i++) {
      for (let j = 0; j < SIZE; j++) {
        const tap = `tap${i}${j}`;
        const begin = this.#integers(`${tap}Begin`, [4], [0, i, j, 0]);
        const part = this.#add(`${tap}Part`, 'Slice', [wide, begin, size], [n, h, w, inputs], { Index: INT32 });
        const cells = this.#reshape(tap, part, [n * h * w, inputs]);
        const attrs = { transpose_a: boolAttr(true), transpose_b: boolAttr(false) };
        this.#products.push(this.#add(`${tap}Product`, 'MatMul', [cells, rows], [inputs, outputs], attrs));
      }
    }
    return this.#nodes.splice(0);
  }

  /** The products as one kernel, under the name of the gradient. */
  whole(): GraphNode[] {
    const { name, outputs } = this.gradient;
    const [, , channels, made] = outputs[0]!.shape as [number, number, number, number];
    const attrs = { N: intAttr(this.#products.length), axis: intAttr(0) };
    const packed = this.#add('packed', 'Pack', this.#products, [SIZE * SIZE, channels, made], attrs);
    const shape = this.#integers('shape', [4], outputs[0]!.shape);
    return [...this.#nodes.splice(0), { ...reshapeNode(name, packed, shape), outputs }];
  }

  #reshape(name: string, ref: Ref, shape: readonly number[]): Ref {
    const to = this.#integers(`${name}Shape`, [shape.length], shape);
    const node = reshapeNode(this.#nameOf(`${name}Rows`), ref, to);
    this.#nodes.push({ ...node, outputs: [{ dtype: DT.float32, shape }] });
    return node.name;
  }

  #add(
    name: string,
    op: string,
    inputs: readonly Ref[],
    shape: readonly number[],
    attrs: Readonly<Record<string, Uint8Array>> = {},
  ): Ref {
    const node: GraphNode = {
      name: this.#nameOf(name),
      op,
      inputs,
      attrs: new Map([['T', typeAttr(DT.bfloat16)], ...Object.entries(attrs)]),
      outputs: [{ dtype: DT.float32, shape }],
    };
    this.#nodes.push(node);
    return refTo(node.name, 0);
  }

  #integers(name: string, shape: readonly number[], values: readonly number[]): Ref {
    const constant = { dtype: DT.int32, shape, bytes: new Uint8Array(Int32Array.from(values).buffer) };
    const node = { name: this.#nameOf(name), op: 'Const', inputs: [], attrs: new Map(), outputs: [constant], constant };
    this.#nodes.push(node);
    return node.name;
  }

  #nameOf = (name: string): string => `${this.gradient.name}_${name}`;
}

const reshapeNode = (name: string, ref: Ref, shape: Ref): GraphNode => ({
  name,
  op: 'Reshape',
  inputs: [ref, shape],
  attrs: new Map([['T', typeAttr(DT.bfloat16)]]),
  outputs: [],
});
