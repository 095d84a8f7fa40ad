import * as tf from '@tensorflow/tfjs-core';
import { momentumBranch, onlineBranch, onlineSpecs, stoppedBranch } from './branches.js';
import type { Collective } from './collective.js';
import type { ScoredTerm, Term } from './comparison.js';
import { type Composition, inHook } from './compose.js';
import { type Guard, guardStep, norm } from './guard.js';
import type { HostIo } from './host.js';
import type { Pass, Weights } from './module.js';
import type { LearningRates, Optimizer, Parameter } from './optim/optimizer.js';
import type { StepIo } from './plugin.js';
import type { StepFunction, Tensors } from './runtime.js';
import { scoreTerms } from './scoring.js';
import { captureTape } from './stop-gradient.js';
import { averageMetrics, changesOf, exchange } from './worker-means.js';

/** Everything that a step works on. */
export interface StepContext {
  readonly composition: Composition;
  /** By `backbone/…`, `projector/…`, … */
  readonly onlineWeights: Weights;
  /** Empty if the target is the online network. */
  readonly targetWeights: Weights;
  /** Trained weights, plug-ins' learned ones included. */
  readonly parameters: readonly Parameter[];
  readonly optimizer: Optimizer;
  readonly slots: Weights;
  /** Gradient sums of the micro-batches, aligned with `parameters`; empty without accumulation. */
  readonly accumulators: readonly tf.Variable[];
  /** The processes that train together. */
  readonly workers: Collective;
  /** How passes in training are run: with `workers` where batch norm is synchronised. */
  readonly pass: Pass;
  /** Undoes a step that diverged; undefined: no step is undone. */
  readonly guard: Guard | undefined;
  /** Number of the step that runs or is being recorded, from 0. For messages only: a recorded step must not depend on it. */
  readonly stepNumber: () => number;
}

/** Runs a hook of host or plug-in; what it throws says whose hook it was, over which host and at which step. */
const runHook = <T>({ composition, stepNumber }: StepContext, owner: string, hook: string, run: () => T): T =>
  inHook(owner, hook, composition.host.name, run, stepNumber());

/** What this recording of the step does. */
export interface StepVariant {
  readonly phases: Readonly<Record<string, string>>;
  /** First micro-batch of an optimiser step: the host's `begin` runs. */
  readonly first: boolean;
  /** Last one: the optimiser moves the parameters. */
  readonly last: boolean;
  /** Micro-batches per optimiser step. */
  readonly accumulate: number;
}

/** Names of a step's inputs: `images/<view>`, `ids`, `labels`, `lr/scheduled`, `lr/base`, `draws/host/<x>`, `draws/<plug-in>/<x>`. */
const inputsUnder = (inputs: Tensors, prefix: string): Record<string, tf.Tensor> =>
  Object.fromEntries(
    Object.entries(inputs)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, t]) => [name.slice(prefix.length), t]),
  );

type AnyIo = StepIo & { draws: Record<string, tf.Tensor>; features: Tensors };

/**
 * The step as a function of tensors. Outputs: `loss`, `gradientNorm`, `applied` (guarded steps: 1, or 0 if it was undone), `loss/<term>`, `host/<metric>`, `<plug-in>/<metric>`.
 *
 * Order: host `begin` → *tape on:* host `terms` → plug-ins' `encode` → `edit` chain → scoring → *tape off:* `observe` → optimiser →
 * host `commit` → plug-ins' `commit`.
 */
export function stepFunction(context: StepContext, variant: StepVariant): StepFunction {
  const { host } = context.composition;
  return (inputs) => {
    const kept = new Set<tf.Tensor>();
    const foreign = new Set<tf.Tensor>(Object.values(inputs));
    const retain = <T extends tf.Tensor>(t: T): T => {
      if (!foreign.has(t) && !(t instanceof tf.Variable)) kept.add(tf.keep(t));
      return t;
    };
    try {
      const tape: Tape = { run: untaped };
      const statistics = changesOf(statisticsOf(context));
      const undo = context.guard === undefined ? undefined : guardStep(context.guard, context.accumulators);
      const hostIo = createHostIo(context, inputs, retain, tape);
      if (variant.first) runHook(context, host.name, 'begin', () => host.begin?.(hostIo));
      const pass = new StepPass(context, variant, hostIo, inputs, retain, tape);
      const gradients = pass.differentiate();
      const metrics = pass.observe();
      const update = { gradients, loss: metrics.loss as tf.Scalar, statistics: statistics() };
      const outputs: Record<string, tf.Tensor> = applyGradients(context, variant, update, {
        scheduled: inputs['lr/scheduled'] as tf.Scalar,
        base: inputs['lr/base'] as tf.Scalar,
      });
      pass.commit();
      if (undo !== undefined) outputs.applied = undo(outputs as { loss: tf.Scalar; gradientNorm: tf.Scalar });
      Object.assign(outputs, averageMetrics(context.workers, metrics, outputs));
      return Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, tf.clone(t)]));
    } finally {
      for (const t of kept) t.dispose();
    }
  };
}

type Retain = <T extends tf.Tensor>(tensor: T) => T;

/** How passes of the online network are run: on the gradient tape, while there is one. */
interface Tape {
  run: <T>(pass: () => T) => T;
}
const untaped: Tape['run'] = (pass) => pass();

function createHostIo(context: StepContext, inputs: Tensors, retain: Retain, tape: Tape): HostIo {
  const { host, hostState, info } = context.composition;
  const { onlineWeights, targetWeights } = context;
  const images = inputsUnder(inputs, 'images/') as Record<string, tf.Tensor4D>;
  const draws = inputsUnder(inputs, 'draws/host/');
  const { workers, pass } = context;
  const common = { networks: host.networks, images, retain, workers, pass };
  const online = onlineBranch({ ...common, weights: onlineWeights, onTape: (run) => tape.run(run) });
  const target =
    host.networks.target === 'momentum'
      ? momentumBranch({ ...common, weights: targetWeights }, (view) => host.shuffle?.(draws, view))
      : stoppedBranch({ ...common, weights: onlineWeights }, online, info.anchorViews);
  const [ids, labels] = [inputs.ids as tf.Tensor1D, inputs.labels as tf.Tensor1D];
  const weights = { onlineWeights, targetWeights };
  return { images, ids, labels, online, target, ...weights, state: hostState, draws, workers, pass };
}

/** One pass of host and plug-ins over a batch. */
class StepPass {
  #hostTerms: readonly Term[] = [];
  #scored: readonly ScoredTerm[] = [];
  #total: tf.Scalar | undefined;
  readonly #io = new Map<string, AnyIo>();

  constructor(
    readonly context: StepContext,
    readonly variant: StepVariant,
    readonly hostIo: HostIo,
    readonly inputs: Tensors,
    readonly retain: Retain,
    readonly tape: Tape,
  ) {}

  /** Loss and its gradient with respect to the parameters, in their order. */
  differentiate(): readonly tf.Tensor[] {
    const { parameters } = this.context;
    const variables = parameters.map((p) => p.variable);
    const { value, grads } = tf.variableGrads(() => {
      this.tape.run = captureTape();
      return this.#loss();
    }, variables);
    this.tape.run = untaped;
    this.#total = value;
    return parameters.map((p) => grads[p.variable.name] ?? tf.zerosLike(p.variable));
  }

  #loss(): tf.Scalar {
    const { host, plugins } = this.context.composition;
    this.#hostTerms = this.#keepAll(runHook(this.context, host.name, 'terms', () => host.terms(this.hostIo)));
    for (const p of plugins) {
      const io = this.#createIo(p.name);
      this.#io.set(p.name, io);
      if (p.encode) io.features = this.#keepAll(runHook(this.context, p.name, 'encode', () => p.encode!(io)));
    }
    let terms = plugins.some((p) => p.replacesHostLoss) ? [] : this.#hostTerms;
    for (const p of plugins) {
      if (p.edit) terms = runHook(this.context, p.name, 'edit', () => p.edit!(terms, this.#io.get(p.name)!));
    }
    const { total, scored } = scoreTerms(terms);
    this.#scored = this.#keepAll(scored);
    return total;
  }

  #createIo(name: string): AnyIo {
    const { images, ids, labels, online, target, workers } = this.hostIo;
    return {
      images,
      ids,
      labels,
      online,
      target,
      workers,
      hostTerms: this.#hostTerms,
      state: this.context.composition.pluginStates[name]!,
      phase: this.variant.phases[name]!,
      draws: inputsUnder(this.inputs, `draws/${name}/`),
      features: {},
    };
  }

  #keepAll<T>(value: T): T {
    for (const t of tensorsIn(value)) this.retain(t);
    return value;
  }

  /** Loss, terms and metrics, by their names in the log. */
  observe(): Record<string, tf.Tensor> {
    const { host, plugins } = this.context.composition;
    const outputs: Record<string, tf.Tensor> = { loss: this.#total! };
    for (const { term, loss } of this.#scored) outputs[`loss/${term.name}`] = loss;
    const add = (owner: string, metrics: Tensors | undefined) => {
      for (const [name, t] of Object.entries(metrics ?? {})) outputs[`${owner}/${name}`] = t;
    };
    add(
      'host',
      runHook(this.context, host.name, 'observe', () => host.observe?.(this.hostIo)),
    );
    for (const p of plugins) {
      add(
        p.name,
        runHook(this.context, p.name, 'observe', () => p.observe?.(this.#scored, this.#io.get(p.name)!)),
      );
    }
    return outputs;
  }

  commit(): void {
    const { host, plugins } = this.context.composition;
    runHook(this.context, host.name, 'commit', () => host.commit?.(this.hostIo));
    for (const p of plugins) runHook(this.context, p.name, 'commit', () => p.commit?.(this.#io.get(p.name)!));
  }
}

/** Running statistics of batch norm and the like, of both networks. */
const statisticsOf = ({ composition, onlineWeights, targetWeights }: StepContext): readonly tf.Variable[] => {
  const specs = onlineSpecs(composition.host.networks);
  return [onlineWeights, targetWeights].flatMap((weights) =>
    Object.entries(weights).flatMap(([name, variable]) => (specs[name]?.role === 'statistic' ? [variable] : [])),
  );
};

/** What a pass over a micro-batch found, on this worker. */
interface Update {
  readonly gradients: readonly tf.Tensor[];
  readonly loss: tf.Scalar;
  /** Running statistics that moved. */
  readonly statistics: readonly tf.Variable[];
}

/**
 * Moves the parameters, or keeps the gradient for the next micro-batch. What workers found is averaged first: gradients when they are
 * used, losses and running statistics always.
 *
 * @returns the mean loss, and the norm of the gradient that the optimiser is given; of a gradient that is only kept, the workers' mean norm.
 */
function applyGradients(
  { parameters, optimizer, slots, accumulators, workers }: StepContext,
  { accumulate, first, last }: StepVariant,
  { gradients, loss, statistics }: Update,
  rates: LearningRates,
): { loss: tf.Scalar; gradientNorm: tf.Scalar } {
  const share = accumulate === 1 ? gradients : gradients.map((g) => tf.div(g, accumulate));
  const sums = first || accumulate === 1 ? share : share.map((g, i) => tf.add(accumulators[i]!, g));
  if (last) {
    const [mean, ...means] = exchange(workers, [loss, ...sums], statistics);
    optimizer.update(parameters, means, slots, rates);
    return { loss: mean as tf.Scalar, gradientNorm: norm(means) };
  }
  for (const [i, sum] of sums.entries()) accumulators[i]!.assign(sum as never);
  const [mean, length] = exchange(workers, [loss, norm(sums)], statistics);
  return { loss: mean as tf.Scalar, gradientNorm: length as tf.Scalar };
}

/** Tensors reachable through plain objects and arrays. */
function tensorsIn(value: unknown, found = new Set<tf.Tensor>()): Set<tf.Tensor> {
  if (value instanceof tf.Tensor) found.add(value);
  else if (Array.isArray(value)) for (const item of value) tensorsIn(item, found);
  else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) tensorsIn(item, found);
  }
  return found;
}
