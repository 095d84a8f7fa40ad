import { DT } from '../../native/dtype.js';
import { boolAttr, typeAttr } from '../attr-value.js';
import { ADD, bothWays, GraphIndex } from '../graph-index.js';
import type { GraphNode, RecordedStep, Ref, Update } from '../node.js';

/**
 * m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  p ← p − rate · m / (√v / correction + ε),
 * where p may have been decayed before:  p ← p − decay.rate · decay.by.
 */
interface AdamUpdate {
  readonly parameter: Ref;
  readonly mean: Average;
  readonly square: Average;
  readonly gradient: Ref;
  readonly rate: Ref;
  readonly correction: Ref;
  readonly epsilon: Ref;
  readonly decay: Move | undefined;
}

/** A variable that averages: its handle, the constant β, and what it averages. */
interface Average {
  readonly handle: Ref;
  readonly beta: Ref;
  readonly value: Ref;
}

interface Move {
  readonly rate: Ref;
  readonly by: Ref;
}

/**
 * Moves parameters and moments of Adam and AdamW in place, by `ResourceApplyAdam`, where the step assigns all three and uses the new
 * values for nothing else: one pass over memory in place of some fifteen. The operation adds ε to an uncorrected root, so it is given
 * ε × correction and rate × correction. It takes 1 − β in float32, which moves second moments by up to 1.3e-5 of themselves.
 */
export function fuseAdam(step: RecordedStep): RecordedStep {
  const found = findUpdates(step);
  if (found.length === 0) return step;
  const assigns = new Map(step.assigns);
  for (const { parameter, mean, square } of found) {
    for (const handle of [parameter, mean.handle, square.handle]) assigns.delete(handle);
  }
  const none = { dtype: DT.float32, shape: [], bytes: new Uint8Array(4) };
  const zero: GraphNode = {
    name: 'adamZero',
    op: 'Const',
    inputs: [],
    attrs: new Map(),
    outputs: [none],
    constant: none,
  };
  const nodes = [
    ...step.nodes,
    zero,
    ...found.flatMap(({ correction, rate, epsilon }, i) => [
      product(`adamRate${i}`, rate, correction),
      product(`adamEpsilon${i}`, epsilon, correction),
    ]),
  ];
  return {
    ...step,
    nodes,
    assigns,
    updates: [...(step.updates ?? []), ...found.flatMap((u, i) => inPlace(u, i, zero.name))],
  };
}

const FLOAT = ['T', typeAttr(DT.float32)] as const;
const UNLOCKED = ['use_locking', boolAttr(false)] as const;

const product = (name: string, a: Ref, b: Ref): GraphNode => ({
  name,
  op: 'Mul',
  inputs: [a, b],
  attrs: new Map([FLOAT]),
  outputs: [{ dtype: DT.float32, shape: [] }],
});

function inPlace({ parameter, mean, square, gradient, decay }: AdamUpdate, i: number, zero: Ref): Update[] {
  const decays: GraphNode | undefined = decay && {
    name: `adamDecay${i}`,
    op: 'ResourceApplyGradientDescent',
    inputs: [parameter, decay.rate, decay.by],
    attrs: new Map([FLOAT, UNLOCKED]),
    outputs: [],
  };
  const scalars = [zero, zero, `adamRate${i}`, mean.beta, square.beta, `adamEpsilon${i}`];
  const moves: GraphNode = {
    name: `adam${i}`,
    op: 'ResourceApplyAdam',
    inputs: [parameter, mean.handle, square.handle, ...scalars, gradient, ...(decays ? [`^${decays.name}`] : [])],
    attrs: new Map([FLOAT, UNLOCKED, ['use_nesterov', boolAttr(false)]]),
    outputs: [],
  };
  return [
    ...(decays ? [{ node: decays, handles: [parameter] }] : []),
    { node: moves, handles: [parameter, mean.handle, square.handle] },
  ];
}

function findUpdates(step: RecordedStep): AdamUpdate[] {
  const index = new GraphIndex(step);
  const handles = new Map([...step.assigns].map(([handle, value]) => [value, handle]));
  const isScalar = (ref: Ref) => index.shapeOf(ref).length === 0;

  const averageOf = (next: Ref): Average | undefined => {
    const handle = handles.get(next);
    const sum = index.producer(next, ...ADD);
    for (const [a, b] of handle === undefined || sum === undefined || index.uses(next) !== 2 ? [] : bothWays(sum)) {
      const [old, value] = [index.scaled(a), index.scaled(b)];
      if (old === undefined || value === undefined || !index.reads(old.tensor, handle!)) continue;
      const isAverage = Math.abs(old.factor + value.factor - 1) < 1e-6;
      if (isAverage) return { handle: handle!, beta: old.constant, value: value.tensor };
    }
    return undefined;
  };

  /** The terms of √v / correction + ε. */
  const rootOf = (ref: Ref) => {
    const sum = index.producer(ref, ...ADD);
    for (const [a, epsilon] of sum === undefined ? [] : bothWays(sum)) {
      const [root, correction] = index.producer(a, 'RealDiv')?.inputs ?? [];
      const square = root === undefined ? undefined : index.producer(root, 'Sqrt')?.inputs[0];
      if (square !== undefined && isScalar(correction!) && isScalar(epsilon)) {
        return { square, correction: correction!, epsilon };
      }
    }
    return undefined;
  };

  /** The terms of from − rate × by, which nothing else reads. */
  const moveOf = (next: Ref): (Move & { readonly from: Ref }) | undefined => {
    const [from, step] = index.uses(next) === 1 ? (index.producer(next, 'Sub')?.inputs ?? []) : [];
    const scaled = step === undefined ? undefined : index.producer(step, 'Mul');
    for (const [by, rate] of scaled === undefined || index.uses(step!) !== 1 ? [] : bothWays(scaled)) {
      if (isScalar(rate)) return { from: from!, rate, by };
    }
    return undefined;
  };

  const find = ([parameter, next]: readonly [Ref, Ref]): AdamUpdate | undefined => {
    const move = moveOf(next);
    const [direction, root] = move === undefined ? [] : (index.producer(move.by, 'RealDiv')?.inputs ?? []);
    const terms = root === undefined ? undefined : rootOf(root);
    const mean = terms === undefined ? undefined : averageOf(direction!);
    const square = mean === undefined ? undefined : averageOf(terms!.square);
    if (square === undefined || index.producer(square.value, 'Square')?.inputs[0] !== mean!.value) return undefined;
    const decay = index.reads(move!.from, parameter) ? undefined : moveOf(move!.from);
    if (decay !== undefined ? !index.reads(decay.from, parameter) : !index.reads(move!.from, parameter))
      return undefined;
    const { rate } = move!;
    const conditions = [parameter, mean!.handle, square.handle].map((handle) => step.conditions?.get(handle));
    if (new Set(conditions).size !== 1) return undefined;
    const { correction, epsilon } = terms!;
    return { parameter, mean: mean!, square, gradient: mean!.value, rate, correction, epsilon, decay };
  };
  return [...step.assigns].flatMap((entry) => find(entry) ?? []);
}
