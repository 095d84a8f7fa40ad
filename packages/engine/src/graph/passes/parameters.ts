import { type GraphNode, nodeOf, type RecordedStep, type Ref } from '../node.js';

/** Operations that only rearrange a weight. */
const REARRANGING: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Transpose']);
/** How the new value of a momentum encoder's weight is computed: an average of it and another weight. A queue is overwritten. */
const AVERAGING: ReadonlySet<string> = new Set(['Add', 'AddV2', 'Sub']);

/**
 * The tensors that are weights of a network: values of the trainable variables and of those that the step moves by adding to
 * them (momentum encoders), also reshaped or transposed. Queues and other state are none.
 */
export function parameterRefs(step: RecordedStep): Set<Ref> {
  const nodes = new Map(step.nodes.map((node) => [node.name, node]));
  const isParameter = (handle: Ref): boolean => {
    const next = step.assigns.get(handle);
    return step.trainable.has(handle) || (next !== undefined && AVERAGING.has(nodes.get(nodeOf(next))!.op));
  };
  const refs = new Set<Ref>();
  const isWeight = ({ op, inputs }: GraphNode): boolean =>
    (op === 'ReadVariableOp' && isParameter(inputs[0]!)) || (REARRANGING.has(op) && refs.has(inputs[0]!));
  for (const node of step.nodes) if (isWeight(node)) refs.add(node.name);
  return refs;
}
