import { nodeOf, type RecordedStep } from '../node.js';

/** Removes what no output and no assignment needs. Inputs stay, used or not, since they will be fed. */
export function removeDeadNodes(step: RecordedStep): RecordedStep {
  const needed = new Set<string>();
  const roots = [step.inputs.values(), step.outputs.values(), step.assigns.keys(), step.assigns.values()];
  for (const { node } of step.updates ?? []) roots.push(node.inputs.values());
  if (step.conditions !== undefined) roots.push(step.conditions.values());
  for (const refs of roots) for (const ref of refs) needed.add(nodeOf(ref));
  // Inputs of a node come before it, so one walk from the end meets every user before what it uses.
  for (const node of step.nodes.toReversed()) {
    if (needed.has(node.name)) for (const input of node.inputs) needed.add(nodeOf(input));
  }
  return { ...step, nodes: step.nodes.filter((node) => needed.has(node.name)) };
}
