import { type AnyPlugin, SslError } from '@contrastive/core';
import { type Cell, runSteps, trainerOf, using } from '../cell.js';
import type { Check } from './check.js';

const HOOKS = ['views', 'init', 'phase', 'draw', 'encode', 'edit', 'observe', 'commit'] as const;
type Hook = (typeof HOOKS)[number];
/** Hooks that run once, before any step. */
const BEFORE_STEPS: readonly Hook[] = ['views', 'init'];
const REASON = 'broken on purpose';

const breaking = (plugin: AnyPlugin, hook: Hook): AnyPlugin => ({
  ...plugin,
  [hook]: () => {
    throw new Error(REASON);
  },
});

async function errorOf(cell: Cell): Promise<unknown> {
  try {
    await using(trainerOf(cell), (trainer) => runSteps(trainer, 1));
  } catch (error) {
    return error;
  }
  return undefined;
}

/** A hook that throws is named, with its plug-in, the host and the step, and what it threw. */
export const namesThrowingHooks: Check = {
  name: 'is named with hook, host and step where one of its hooks throws',
  run: async ({ host, plugins }) => {
    const made = plugins();
    for (const [index, plugin] of made.entries()) {
      for (const hook of HOOKS.filter((name) => plugin[name] !== undefined)) {
        const broken = made.map((p, i) => (i === index ? breaking(p, hook) : p));
        const error = await errorOf({ host, plugins: () => broken });
        const place = `${plugin.name}.${hook}, host ${host().name}${BEFORE_STEPS.includes(hook) ? '' : ', step 0'}`;
        const isNamed =
          error instanceof SslError &&
          error.message === `[${plugin.name}] ${hook} failed: ${REASON}` &&
          error.hint?.includes(place);
        if (!isNamed) throw new Error(`${place} threw, and this was reported: ${describe(error)}`);
      }
    }
  },
};

const describe = (error: unknown): string =>
  error instanceof SslError ? `${error.message} ${error.hint ?? ''}` : String(error);
