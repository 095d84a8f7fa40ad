import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import '@tensorflow/tfjs-backend-cpu';
import { momentumHost, recipe } from '../test/tiny.js';
import { type AnyPlugin, compose, drawAll, inHook, phasesOf } from './compose.js';
import { SslError } from './errors.js';
import { hostScalar } from './host-tensor.js';
import type { TermOutlines } from './plugin.js';
import { Rng } from './rng.js';
import { outlineOf } from './terms.js';

const composed = (plugins: readonly AnyPlugin[], host = momentumHost()) =>
  compose({ host, plugins, batch: 4, side: 2, recipes: [recipe], rng: Rng.create(1) });
const plugin = (name: string, rest: Partial<AnyPlugin> = {}): AnyPlugin => ({ name, options: {}, ...rest });
const step = { step: 3, epoch: 1, epochs: 2, stepsPerEpoch: 5 };

describe('compose', () => {
  it('chains the views of the plug-ins in list order', () => {
    const adds = (name: string) =>
      plugin(name, { views: (plan) => ({ ...plan, [`${name}${Object.keys(plan).length}`]: recipe }) });
    expect(Object.keys(composed([adds('a'), adds('b')]).plan)).toEqual(['view1', 'view2', 'a2', 'b3']);
  });

  it('refuses a method that is listed twice, and two that replace the loss', () => {
    expect(() => composed([plugin('a'), plugin('a')])).toThrow(/a is listed twice/);
    const replacing = { replacesHostLoss: true };
    expect(() => composed([plugin('a', replacing), plugin('b', replacing)])).toThrow(/a and b both replace/);
  });

  it('asks plug-ins in turn whether the terms are what they need, starting from the host’s', () => {
    const seen: string[] = [];
    const looks = (name: string, adds: TermOutlines = {}) =>
      plugin(name, {
        edit: (terms) => terms,
        outline: (terms: TermOutlines) => {
          seen.push(`${name}: ${Object.keys(terms)}`);
          return { ...terms, ...adds };
        },
      });
    composed([looks('a', { more: { positives: 'several' } }), looks('b')]);
    composed([{ ...looks('c', { own: { positives: 'one' } }), replacesHostLoss: true }, looks('d')]);
    composed([plugin('silent', { edit: (terms) => terms }), looks('never asked')]);
    expect(seen).toEqual(['a: global', 'b: global,more', 'c: ', 'd: own']);
    const needs = plugin('needs', { outline: (terms: TermOutlines) => ({ x: outlineOf('needs', terms, 'local') }) });
    expect(() => composed([needs])).toThrow(/\[needs\] there is no loss term called local; there are: global/);
  });

  it('frees the state of earlier plug-ins where a later one refuses', () => {
    const holds = plugin('holds', { init: () => tf.tidy(() => ({ kept: tf.variable(tf.zeros([4]), false) })) });
    const refuses = plugin('refuses', {
      init: () => {
        throw new SslError('INCOMPATIBLE', '[refuses] no.');
      },
    });
    const before = tf.memory().numTensors;
    expect(() => composed([holds, refuses])).toThrow(/refuses/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says whose hook failed', () => {
    const failing = plugin('broken', {
      init: () => {
        throw new Error('no grid');
      },
    });
    expect(() => composed([failing])).toThrow(
      expect.objectContaining({
        code: 'HOOK_FAILED',
        message: '[broken] init failed: no grid',
        hint: 'While: broken.init, host tiny-moco.',
      }),
    );
  });
});

describe('phasesOf', () => {
  it('is "on" for a plug-in without the hook', () => {
    const phases = phasesOf(composed([plugin('a'), plugin('b', { phase: (s) => `epoch ${s.epoch}` })]), step);
    expect(phases).toEqual({ a: 'on', b: 'epoch 1' });
  });
});

describe('drawAll', () => {
  const drawing = (name: string) => plugin(name, { draw: (rng) => ({ x: hostScalar(rng.uniform()) }) });
  const draw = (plugins: readonly AnyPlugin[], micro = 0, at = step) =>
    drawAll(composed(plugins), Rng.create(1), at, micro).plugins;

  it('gives each owner numbers that no other plug-in moves', () => {
    expect(draw([drawing('a')]).a).toEqual(draw([drawing('b'), drawing('a')]).a);
    expect(draw([drawing('a')]).a).not.toEqual(draw([drawing('b')]).b);
  });

  it('gives each step and micro-batch its own numbers', () => {
    expect(draw([drawing('a')], 1)).not.toEqual(draw([drawing('a')], 0));
    expect(draw([drawing('a')], 0, { ...step, step: 4 })).not.toEqual(draw([drawing('a')], 0));
  });
});

describe('inHook', () => {
  it('keeps code, message and hint of our own errors and adds where it was', () => {
    const run = () =>
      inHook(
        'ft',
        'edit',
        'moco',
        () => {
          throw new SslError('BAD_OPTION', 'Wrong.', { hint: 'Right it.' });
        },
        7,
      );
    expect(run).toThrow(
      expect.objectContaining({
        code: 'BAD_OPTION',
        message: 'Wrong.',
        hint: 'Right it.\n  While: ft.edit, host moco, step 7.',
      }),
    );
  });

  it('takes what is thrown, whatever it is', () => {
    const run = () =>
      inHook('ft', 'edit', 'moco', () => {
        throw 'text';
      });
    expect(run).toThrow(/\[ft\] edit failed: text/);
  });
});
