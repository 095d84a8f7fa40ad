import {
  type AnyHost,
  type AnyPlugin,
  definePlugin,
  hostScalar,
  hostTensor,
  type Rng,
  type Term,
} from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { Cell } from '../cell.js';
import { HOSTS } from '../hosts.js';
import { recordedRuntime } from '../method.js';
import type { Check } from './check.js';
import { onlyCommitWritesState, targetGetsNoGradient } from './constants.js';
import { drawsFixedShapes, drawsIndependently } from './draws.js';
import { editsRepeatably } from './edit.js';
import { namesThrowingHooks } from './errors.js';
import { leavesHostState } from './host-state.js';
import { CHECKS } from './index.js';
import { keepsNoTensors } from './memory.js';
import { neutralIsHost } from './neutral.js';
import { recordedIsEager } from './recorded.js';
import { resumes } from './resume.js';

const moco = HOSTS[0]!.make;
const runtime = await recordedRuntime();
const recorded = 'missing' in runtime ? undefined : runtime;

const weighted = (terms: readonly Term[], weight: number | tf.Scalar): readonly Term[] =>
  terms.map((term) => ({ ...term, weight }));

/** Weighs the host's loss by a number that it draws, and keeps the last one. `changes` breaks it. */
const sound = (changes: Partial<AnyPlugin> = {}): AnyPlugin => ({
  ...definePlugin({
    name: 'probe',
    options: {},
    init: () => ({ last: tf.tidy(() => tf.variable(tf.scalar(0), false)) }),
    phase: () => 'on',
    draw: (rng: Rng) => ({ weight: hostScalar(rng.uniform(0.5, 1)) }),
    encode: ({ draws }) => ({ doubled: tf.mul(2, draws.weight) }),
    edit: (terms, { draws }) => weighted(terms, draws.weight),
    observe: (_scored, { features }) => ({ doubled: features.doubled }),
    commit: ({ state, draws }) => state.last.assign(draws.weight),
  }),
  ...changes,
});
const cellOf = (make: () => AnyPlugin, host: () => AnyHost = moco): Cell => ({ host, plugins: () => [make()] });
const neutral = () => [sound({ edit: (terms) => terms })];

describe('a sound plug-in', () => {
  it.each(CHECKS.map((check) => [check.name, check] as const))('%s', async (_, check) => {
    const context = { neutral, recorded };
    if (check.skip?.(context) === undefined) await check.run(cellOf(sound), context);
  });
});

describe('a check fails', () => {
  const broken = (check: Check, cell: Cell, wrong?: () => readonly AnyPlugin[]) =>
    expect(check.run(cell, { neutral: wrong ?? neutral, recorded })).rejects;

  it('where neutral options change the gradient', async () => {
    const wrong = () => [sound({ edit: (terms: readonly Term[]) => weighted(terms, 1 + 1e-6) })];
    await broken(neutralIsHost, cellOf(sound), wrong).toThrow(/The loss of step 1|differs/);
  });

  it('where draws depend on what was drawn elsewhere', async () => {
    let drawn = 0; // as a global generator would be
    const make = () => sound({ draw: () => ({ weight: hostScalar(++drawn) }) });
    await broken(drawsIndependently, cellOf(make)).toThrow('Draws of probe beside others: weight differs');
  });

  it('where draws change their shape', async () => {
    const make = () =>
      sound({ draw: (_rng, { step }) => ({ weight: hostTensor([step + 1], new Float32Array(step + 1)) }) });
    await broken(drawsFixedShapes, cellOf(make)).toThrow(
      'probe draws weight: float32 [1] first, then weight: float32 [2]',
    );
  });

  it('where a draw is not finite', async () => {
    const make = () => sound({ draw: () => ({ weight: hostScalar(1 / 0) }) });
    await broken(drawsFixedShapes, cellOf(make)).toThrow('not finite');
  });

  it('where the loss depends on target weights by a path with gradient', async () => {
    const host = (): AnyHost => {
      const sane = moco();
      const terms: AnyHost['terms'] = (io) =>
        weighted(sane.terms(io), tf.mean(tf.square(io.targetWeights['backbone/conv/kernel']!)) as tf.Scalar);
      return { ...sane, terms };
    };
    await broken(targetGetsNoGradient, { host, plugins: () => [] }).toThrow(
      'Gradient reaches target/backbone/conv/kernel',
    );
  });

  it('where edit writes state', async () => {
    const make = () =>
      sound({
        edit: (terms, { state }) => {
          (state.last as tf.Variable).assign(tf.scalar(7));
          return terms;
        },
      });
    await broken(onlyCommitWritesState, cellOf(make)).toThrow('plugins/probe/last differs');
  });

  it('where the host’s queue is written', async () => {
    const overwrite: AnyPlugin['commit'] = ({ hostTerms }) => {
      const rows = hostTerms[0]!.comparisons[0]!.negatives[0]!.rows as tf.Variable;
      rows.assign(tf.zerosLike(rows));
    };
    const cell = cellOf(() => sound({ commit: overwrite! }));
    await broken(leavesHostState, cell).toThrow(/^The host’s state/);
  });

  it('where a counter outside of the state is lost in a checkpoint', async () => {
    const make = () => {
      let count = 0;
      return sound({ draw: () => ({ weight: hostScalar(1 / ++count) }) });
    };
    await broken(resumes, cellOf(make)).toThrow('Resumed losses are');
  });

  it('where a tensor is kept each step', async () => {
    const make = () =>
      sound({
        edit: (terms) => {
          tf.keep(tf.scalar(1));
          return terms;
        },
      });
    await broken(keepsNoTensors, cellOf(make)).toThrow(/tensors after step 1/);
  });

  it.skipIf(recorded === undefined)('where a value outside of the step changes between recorded steps', async () => {
    const make = () => {
      let count = 0;
      return sound({ edit: (terms) => weighted(terms, 1 / ++count) });
    };
    await broken(recordedIsEager, cellOf(make)).toThrow('Recorded and eager: loss of step 2 differs');
  });

  it('where edit gives something else the second time, or changes what it was given', async () => {
    const counting = () => {
      let count = 0;
      return sound({ edit: (terms) => weighted(terms, ++count) });
    };
    await broken(editsRepeatably, cellOf(counting)).toThrow('probe edits twice');
    const mutating = () =>
      sound({
        edit: (terms) => {
          (terms[0] as { weight: number }).weight = 2;
          return [...terms];
        },
      });
    await broken(editsRepeatably, cellOf(mutating)).toThrow('What probe was given to edit');
  });

  it('where an error does not name the plug-in', async () => {
    let reads = 0; // the name that the plug-in shows changes, so what is reported is another plug-in's
    const make = () => Object.defineProperty(sound(), 'name', { get: () => `probe${reads++}`, enumerable: true });
    await broken(namesThrowingHooks, cellOf(make)).toThrow('and this was reported');
  });
});
