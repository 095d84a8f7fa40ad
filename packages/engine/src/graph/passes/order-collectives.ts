import type { RecordedStep } from '../node.js';

/** Operations in which all workers of a run take part. */
export const COLLECTIVES: ReadonlySet<string> = new Set(['CollectiveReduceV2', 'CollectiveGatherV2']);

/**
 * Lets every collective wait for the one before it, in the order of recording. Workers that start several at once in different orders
 * wait for each other until their time is up.
 */
export function orderCollectives(step: RecordedStep): RecordedStep {
  let before: string | undefined;
  const nodes = step.nodes.map((node) => {
    if (!COLLECTIVES.has(node.op)) return node;
    const inputs = before === undefined ? node.inputs : [...node.inputs, `^${before}`];
    before = node.name;
    return { ...node, inputs };
  });
  return before === undefined ? step : { ...step, nodes };
}
