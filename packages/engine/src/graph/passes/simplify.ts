import { DT } from '../../native/dtype.js';
import { type GraphNode, indexOf, nodeOf, type RecordedStep, type Ref, rewire, type TensorSpec } from '../node.js';

/**
 * Removes operations that give back their input: `Identity`, `Cast` to the same type, `Reshape` to the same shape; and of a
 * chain of reshapes all but the last.
 */
export function simplify(step: RecordedStep): RecordedStep {
  const replaced = new Map<Ref, Ref>();
  const specs = new Map<string, readonly TensorSpec[]>();
  const reshapes = new Map<Ref, Ref>(); // a kept reshape → what it reshapes
  const rename = (ref: Ref): Ref => replaced.get(ref) ?? ref;
  const nodes: GraphNode[] = [];
  for (const node of step.nodes) {
    specs.set(node.name, node.outputs);
    const inputs = node.inputs.map(rename);
    const source = inputs[0];
    if (source !== undefined && isNoOp(node, specs.get(nodeOf(source))![indexOf(source)]!)) {
      replaced.set(node.name, source);
      continue;
    }
    if (node.op === 'Reshape') {
      inputs[0] = reshapes.get(source!) ?? source!;
      reshapes.set(node.name, inputs[0]);
    }
    nodes.push({ ...node, inputs });
  }
  return rewire(step, nodes, rename);
}

function isNoOp(node: GraphNode, input: TensorSpec): boolean {
  const output = node.outputs[0]!;
  if (node.op === 'Identity') return input.dtype !== DT.resource;
  if (node.op === 'Cast') return input.dtype === output.dtype;
  return node.op === 'Reshape' && String(input.shape) === String(output.shape);
}
