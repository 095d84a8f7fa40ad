import { eagerRuntime, type Runtime } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { compareFixture, type FieldResult, isWithin } from './compare.js';
import type { Fixture, ParityAdapter, ParityContext, ParityKinds } from './fixture.js';

/** How a case came out: passed if it has an adapter, no error and every field within its tolerance. */
export interface ParityResult {
  /** `folder/name`. */
  readonly kind: string;
  readonly isKnown: boolean;
  readonly error?: string;
  readonly fields: readonly FieldResult[];
}

export const hasPassed = ({ isKnown, error, fields }: ParityResult): boolean =>
  isKnown && error === undefined && fields.every(isWithin);

/** The field that misses its tolerance by the largest factor; problems come before differences. */
export const worstField = (result: ParityResult): FieldResult | undefined =>
  [...result.fields].sort((a, b) => excess(b) - excess(a))[0];
const excess = ({ problem, difference, allowed }: FieldResult): number =>
  problem !== undefined || Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference / Math.max(allowed, 1e-300);

/** The adapter with the longest key that `kind` begins with. */
export function findAdapter(kinds: ParityKinds, kind: string): ParityAdapter | undefined {
  const keys = Object.keys(kinds).filter((key) => kind.startsWith(key));
  return kinds[keys.sort((a, b) => b.length - a.length)[0] ?? ''];
}

/** Runs one case. Tensors that the adapter leaves behind are freed. @param kind `folder/name` of the fixture. */
export async function runCase(
  kinds: ParityKinds,
  kind: string,
  fixture: Fixture,
  runtime: Runtime = eagerRuntime,
): Promise<ParityResult> {
  const adapter = findAdapter(kinds, kind);
  if (adapter === undefined) return { kind, isKnown: false, fields: [] };
  const engine = tf.engine();
  engine.startScope();
  try {
    const actual = await adapter(fixture, contextOf(runtime));
    return { kind, isKnown: true, fields: await compareFixture(fixture, actual) };
  } catch (error) {
    return { kind, isKnown: true, error: error instanceof Error ? error.message : String(error), fields: [] };
  } finally {
    engine.endScope();
  }
}

export const contextOf = (runtime: Runtime): ParityContext => ({
  runtime,
  run: async (step, inputs, variables = {}) => {
    const program = runtime.createProgram(variables);
    try {
      const compiled = await program.prepare('parity', step, inputs);
      const outputs = await compiled.run(inputs);
      await program.pull();
      return outputs;
    } finally {
      program.dispose();
    }
  },
});
