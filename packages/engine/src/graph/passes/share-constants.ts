import { createHash } from 'node:crypto';
import { type ConstantValue, type GraphNode, type RecordedStep, type Ref, rewire } from '../node.js';

/** Keeps one node of all constants with the same type, shape and bytes. */
export function shareConstants(step: RecordedStep): RecordedStep {
  const first = new Map<string, Ref>();
  const replaced = new Map<Ref, Ref>();
  const rename = (ref: Ref): Ref => replaced.get(ref) ?? ref;
  const nodes: GraphNode[] = [];
  for (const node of step.nodes) {
    if (node.constant !== undefined) {
      const key = keyOf(node.constant);
      const same = first.get(key);
      if (same !== undefined) {
        replaced.set(node.name, same);
        continue;
      }
      first.set(key, node.name);
    }
    nodes.push({ ...node, inputs: node.inputs.map(rename) });
  }
  return rewire(step, nodes, rename);
}

const keyOf = ({ dtype, shape, bytes }: ConstantValue): string =>
  `${dtype}|${shape}|${createHash('sha1').update(bytes).digest('base64')}`;
