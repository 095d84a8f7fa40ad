import { DT } from '../../native/dtype.js';
import { typeAttr } from '../attr-value.js';
import { nodeOf, type RecordedStep } from '../node.js';
import { BOTH_BFLOAT16 } from './bfloat16.js';

/**
 * Lets a recomputed block wait for its gradient by a control edge: `IdentityN(x, gate)` becomes `Identity(x, ^gate)`. TensorFlow's
 * optimiser would take the former away and merge the block with its first run, which must not live so long.
 */
export function waitForGates(step: RecordedStep): RecordedStep {
  const nodes = step.nodes.map((node) => {
    if (node.op !== 'IdentityN') return node;
    const [x, gate] = node.inputs as [string, string];
    const isLow = String(node.attrs.get('T')) === String(BOTH_BFLOAT16);
    const type = typeAttr(isLow ? DT.bfloat16 : node.outputs[0]!.dtype);
    return { ...node, op: 'Identity', inputs: [x, `^${nodeOf(gate)}`], attrs: new Map([['T', type]]) };
  });
  return { ...step, nodes };
}
