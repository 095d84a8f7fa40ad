import * as tf from '@tensorflow/tfjs-core';
import { ONE_WORKER, type WorkersInfo } from './collective.js';
import { SslError } from './errors.js';
import type { Host } from './host.js';
import type { HostTensors } from './host-tensor.js';
import type { HostInfo, Plugin, State, StepInfo, TermOutlines } from './plugin.js';
import type { ViewPlan, ViewRecipe } from './recipe.js';
import type { Rng } from './rng.js';

// biome-ignore lint/suspicious/noExplicitAny: a list of plug-ins mixes types of draws, features and state; each is only ever given its own.
export type AnyPlugin = Plugin<any, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above, for hosts.
export type AnyHost = Host<any, any>;

/** A host and its plug-ins, checked to fit together. */
export interface Composition {
  readonly host: AnyHost;
  readonly plugins: readonly AnyPlugin[];
  readonly info: HostInfo;
  /** Views that the loader must make. */
  readonly plan: ViewPlan;
  /** State of the host (`host/…`) and of the plug-ins (`plugins/<name>/…`). */
  readonly hostState: State;
  readonly pluginStates: Readonly<Record<string, State>>;
}

export interface ComposeOptions {
  readonly host: AnyHost;
  readonly plugins: readonly AnyPlugin[];
  /** Images of this worker in a micro-batch. */
  readonly batch: number;
  /** Default: this process alone. */
  readonly workers?: WorkersInfo;
  readonly side: number;
  readonly recipes: readonly ViewRecipe[];
  readonly rng: Rng;
}

/**
 * Checks that host and plug-ins fit, and allocates their state.
 *
 * @throws SslError `INCOMPATIBLE` if names clash, two plug-ins replace the loss, or a plug-in needs what the host does not offer;
 * `BAD_OPTION` if batch or image side do not fit.
 */
export function compose(options: ComposeOptions): Composition {
  const { host, plugins, batch, workers = ONE_WORKER, side, recipes, rng } = options;
  const names = plugins.map((p) => p.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new SslError('INCOMPATIBLE', `The plug-in ${twice} is listed twice; list each method once.`);
  const replacing = plugins.filter((p) => p.replacesHostLoss).map((p) => p.name);
  if (replacing.length > 1) {
    throw new SslError('INCOMPATIBLE', `${replacing.join(' and ')} both replace the host's loss; use one of them.`);
  }
  const info = { ...inHook(host.name, 'info', host.name, () => host.info({ batch, side, workers })), workers };
  const plan = plugins.reduce(
    (views, p) => (p.views === undefined ? views : inHook(p.name, 'views', host.name, () => p.views!(views))),
    inHook(host.name, 'views', host.name, () => host.views(recipes)),
  );
  checkTerms(host, plugins, info);
  const pluginStates: Record<string, State> = {};
  try {
    for (const p of plugins) {
      pluginStates[p.name] = inHook(
        p.name,
        'init',
        host.name,
        () => p.init?.(info, rng.fork(`plugins/${p.name}/init`)) ?? {},
      );
    }
    const hostState = inHook(host.name, 'init', host.name, () => host.init?.(info, rng.fork('host/init')) ?? {});
    return { host, plugins, info, plan, hostState, pluginStates };
  } catch (error) {
    tf.dispose(Object.values(pluginStates).flatMap((state) => Object.values(state)));
    throw error;
  }
}

/** Asks each plug-in whether the terms that it will find are the ones that it needs. */
function checkTerms(host: AnyHost, plugins: readonly AnyPlugin[], info: HostInfo): void {
  const names = plugins.some((p) => p.replacesHostLoss) ? [] : Object.keys(info.negativeRows);
  let terms: TermOutlines = Object.fromEntries(names.map((name) => [name, { positives: 'one' }]));
  for (const p of plugins) {
    if (p.outline !== undefined) terms = inHook(p.name, 'outline', host.name, () => p.outline!(terms));
    else if (p.edit !== undefined) return;
  }
}

/** Labels of all plug-ins at a step, by name. */
export function phasesOf({ host, plugins, info }: Composition, step: StepInfo): Readonly<Record<string, string>> {
  return Object.fromEntries(
    plugins.map((p) => [p.name, inHook(p.name, 'phase', host.name, () => p.phase?.(step, info) ?? 'on', step.step)]),
  );
}

/** Draws of host and plug-ins for one (micro-)step, by owner. Each owner has a stream of its own. */
export function drawAll(
  { host, plugins, info }: Composition,
  rng: Rng,
  step: StepInfo,
  micro: number,
): { readonly host: HostTensors; readonly plugins: Readonly<Record<string, HostTensors>> } {
  const stream = (owner: string) => rng.fork(owner).fork(step.step).fork(micro);
  return {
    host: inHook(host.name, 'draw', host.name, () => host.draw?.(stream('host'), step, info) ?? {}, step.step),
    plugins: Object.fromEntries(
      plugins.map((p) => [
        p.name,
        inHook(p.name, 'draw', host.name, () => p.draw?.(stream(`plugins/${p.name}`), step, info) ?? {}, step.step),
      ]),
    ),
  };
}

/** Runs a hook; whatever it throws says whose hook it was, over which host and at which step. */
export function inHook<T>(owner: string, hook: string, host: string, run: () => T, step?: number): T {
  try {
    return run();
  } catch (error) {
    const where = `While: ${owner}.${hook}, host ${host}${step === undefined ? '' : `, step ${step}`}.`;
    if (error instanceof SslError) {
      const hint = error.hint === undefined ? where : `${error.hint}\n  ${where}`;
      throw new SslError(error.code, error.message, { hint, cause: error });
    }
    const message = error instanceof Error ? error.message : String(error);
    throw new SslError('HOOK_FAILED', `[${owner}] ${hook} failed: ${message}`, { hint: where, cause: error });
  }
}
