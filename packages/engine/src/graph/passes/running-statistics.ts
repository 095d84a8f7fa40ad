import { floatAttr } from '../attr-value.js';
import { ADD, bothWays, GraphIndex } from '../graph-index.js';
import { type GraphNode, type RecordedStep, type Ref, refTo, rewire } from '../node.js';

/** `running × (1 − share) + batch × share`, where `batch` is used nowhere else. */
interface Average {
  readonly running: Ref;
  readonly share: number;
  readonly result: Ref;
}

/** Outputs of `FusedBatchNormV3` with the batch's statistics, and the inputs that take the running ones. */
const STATISTICS = [
  { output: 1, input: 3 },
  { output: 2, input: 4 },
] as const;

/**
 * Lets batch norm move its running mean and variance itself: `FusedBatchNormV3` does so if it is given the running ones, which saves
 * six small operations for each normalisation.
 */
export function fuseRunningStatistics(step: RecordedStep): RecordedStep {
  const averages = findAverages(step);
  const replaced = new Map<Ref, Ref>();
  const rename = (ref: Ref): Ref => replaced.get(ref) ?? ref;
  const nodes: GraphNode[] = [];
  for (const node of step.nodes) {
    if (replaced.has(node.name)) continue;
    const inputs = node.inputs.map(rename);
    const found = node.op === 'FusedBatchNormV3' ? STATISTICS.map((s) => averages.get(refTo(node.name, s.output))) : [];
    const share = found[0]?.share;
    if (share === undefined || found[1]?.share !== share) {
      nodes.push({ ...node, inputs });
      continue;
    }
    STATISTICS.forEach(({ input, output }, i) => {
      inputs[input] = rename(found[i]!.running);
      replaced.set(found[i]!.result, refTo(node.name, output));
    });
    nodes.push({ ...node, inputs, attrs: new Map([...node.attrs, ['exponential_avg_factor', floatAttr(share)]]) });
  }
  return rewire(step, nodes, rename);
}

/** Averages by their batch statistic. What they read as running must exist before the normalisation, as variables do. */
function findAverages(step: RecordedStep): Map<Ref, Average> {
  const index = new GraphIndex(step);
  const statistics = new Set(
    step.nodes
      .filter((n) => n.op === 'FusedBatchNormV3')
      .flatMap((n) => STATISTICS.map((s) => refTo(n.name, s.output))),
  );
  const found = new Map<Ref, Average>();
  const isReady = (ref: Ref): boolean =>
    index.producer(ref, 'ReadVariableOp') !== undefined || [...found.values()].some((a) => a.result === ref);
  for (const sum of step.nodes) {
    if (!(ADD as readonly string[]).includes(sum.op)) continue;
    for (const [a, b] of bothWays(sum)) {
      const [old, batch] = [index.scaled(a), index.scaled(b)];
      if (old === undefined || batch === undefined || !statistics.has(batch.tensor)) continue;
      const isOnlyUse = index.uses(batch.tensor) === 1 && index.uses(b) === 1;
      if (!isOnlyUse || Math.abs(old.factor + batch.factor - 1) > 1e-6 || !isReady(old.tensor)) continue;
      found.set(batch.tensor, { running: old.tensor, share: batch.factor, result: sum.name });
    }
  }
  return found;
}
