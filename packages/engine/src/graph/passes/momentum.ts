import { DT } from '../../native/dtype.js';
import { boolAttr, typeAttr } from '../attr-value.js';
import { ADD, bothWays, GraphIndex } from '../graph-index.js';
import type { GraphNode, RecordedStep, Ref, Update } from '../node.js';

/** v ← momentum × v + gradient;  p ← p − rate × v, or with Nesterov p ← p − rate × (gradient + momentum × v). */
interface MomentumUpdate {
  readonly parameter: Ref;
  readonly velocity: Ref;
  readonly rate: Ref;
  readonly gradient: Ref;
  readonly momentum: Ref;
  readonly nesterov: boolean;
}

/**
 * Moves parameters and velocities in place by one operation each (`ResourceApplyMomentum`), where the step assigns both and uses the
 * new values for nothing else. Apart from four operations a parameter this saves writing the products and sums to memory.
 */
export function fuseMomentum(step: RecordedStep): RecordedStep {
  const updates = findUpdates(step);
  const assigns = new Map(step.assigns);
  for (const { parameter, velocity } of updates) for (const handle of [parameter, velocity]) assigns.delete(handle);
  return { ...step, assigns, updates: [...(step.updates ?? []), ...updates.map(inPlace)] };
}

function inPlace(update: MomentumUpdate, i: number): Update {
  const { parameter, velocity, rate, gradient, momentum, nesterov } = update;
  const node: GraphNode = {
    name: `momentum${i}`,
    op: 'ResourceApplyMomentum',
    inputs: [parameter, velocity, rate, gradient, momentum],
    attrs: new Map([
      ['T', typeAttr(DT.float32)],
      ['use_locking', boolAttr(false)],
      ['use_nesterov', boolAttr(nesterov)],
    ]),
    outputs: [],
  };
  return { node, handles: [parameter, velocity] };
}

function findUpdates(step: RecordedStep): MomentumUpdate[] {
  const index = new GraphIndex(step);
  const velocities = new Map([...step.assigns].map(([handle, value]) => [value, handle]));

  /** The terms of v ← momentum × v + gradient. */
  const velocityOf = (next: Ref) => {
    const handle = velocities.get(next);
    const sum = index.producer(next, ...ADD);
    for (const [a, gradient] of handle === undefined || sum === undefined ? [] : bothWays(sum)) {
      const old = index.scaled(a);
      if (old !== undefined && index.reads(old.tensor, handle!)) {
        return { velocity: handle!, gradient, momentum: old.constant, factor: old.factor };
      }
    }
    return undefined;
  };

  /** The direction of p ← p − rate × direction: the new velocity, or with Nesterov the gradient plus its multiple. */
  const directionOf = (direction: Ref) => {
    const plain = velocityOf(direction);
    if (plain !== undefined) return index.uses(direction) === 2 ? { ...plain, nesterov: false } : undefined;
    const ahead = index.producer(direction, ...ADD);
    for (const [gradient, b] of ahead === undefined ? [] : bothWays(ahead)) {
      const next = index.scaled(b);
      const found = next === undefined ? undefined : velocityOf(next.tensor);
      const isOnlyUse = next !== undefined && index.uses(next.tensor) === 2 && index.uses(direction) === 1;
      if (isOnlyUse && found?.gradient === gradient && found.factor === next.factor)
        return { ...found, nesterov: true };
    }
    return undefined;
  };

  const find = ([parameter, next]: readonly [Ref, Ref]): MomentumUpdate | undefined => {
    const move = index.producer(next, 'Sub');
    const [old, step] = move?.inputs ?? [];
    if (old === undefined || index.uses(next) !== 1 || !index.reads(old, parameter)) return undefined;
    const product = index.producer(step!, 'Mul');
    for (const [direction, rate] of product === undefined || index.uses(step!) !== 1 ? [] : bothWays(product)) {
      const found = isScalar(rate) ? directionOf(direction) : undefined;
      if (found !== undefined && isAlike(parameter, found.velocity)) return { parameter, rate, ...found };
    }
    return undefined;
  };
  const isAlike = (a: Ref, b: Ref) => a !== b && step.conditions?.get(a) === step.conditions?.get(b);
  const isScalar = (ref: Ref) => index.shapeOf(ref).length === 0;
  return [...step.assigns].flatMap((entry) => find(entry) ?? []);
}
