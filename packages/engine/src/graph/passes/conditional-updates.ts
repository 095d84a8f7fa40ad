import { GraphIndex } from '../graph-index.js';
import type { RecordedStep, Ref } from '../node.js';

/** Operations by which a scalar condition gets the shape of the tensors that it chooses between. */
const SPREADING = ['BroadcastTo', 'ExpandDims', 'Reshape', 'Tile'] as const;

/**
 * Turns `variable ← condition ? new : variable` into an assignment that happens only if the condition is true: a step that can be
 * undone would otherwise write every variable twice, and none of its updates could be made in place.
 */
export function makeUpdatesConditional(step: RecordedStep): RecordedStep {
  const index = new GraphIndex(step);
  const assigns = new Map(step.assigns);
  const conditions = new Map<Ref, Ref>();
  for (const [handle, value] of step.assigns) {
    const choice = index.producer(value, 'Select', 'SelectV2');
    const [chooser, next, old] = choice?.inputs ?? [];
    if (old === undefined || index.uses(value) !== 1 || !index.reads(old, handle)) continue;
    const condition = scalarBehind(index, chooser!);
    if (condition === undefined) continue;
    assigns.set(handle, next!);
    conditions.set(handle, condition);
  }
  return conditions.size === 0 ? step : { ...step, assigns, conditions };
}

function scalarBehind(index: GraphIndex, ref: Ref): Ref | undefined {
  let source = ref;
  while (index.shapeOf(source).length > 0) {
    const spread = index.producer(source, ...SPREADING);
    if (spread === undefined) return undefined;
    source = spread.inputs[0]!;
  }
  return source;
}
