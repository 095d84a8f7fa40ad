import type { AnyPlugin, HostTensors } from '@contrastive/core';
import * as tf from '@tensorflow/tfjs-core';
import { runSteps, trainerOf, using } from '../cell.js';
import { requireSame } from '../same.js';
import type { Check } from './check.js';

/** Tensors and numbers inside terms, by their path; for terms of an eager step. */
function contentsOf(value: unknown, path = 'terms', found: Record<string, HostTensors[string]> = {}) {
  if (value instanceof tf.Tensor) {
    const [dtype, data] = [value.dtype as 'float32' | 'int32', value.dataSync() as Float32Array | Int32Array];
    found[path] = { shape: value.shape as never, dtype, data };
  } else if (typeof value === 'number') {
    found[path] = { shape: [] as never, dtype: 'float32', data: Float32Array.of(value) };
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) contentsOf(inner, `${path}.${key}`, found);
  }
  return found;
}

/** The plug-in with its `edit` run twice; the terms that it was given must stay as they were. */
function editingTwice(plugin: AnyPlugin): AnyPlugin {
  if (plugin.edit === undefined) return plugin;
  return {
    ...plugin,
    edit: (terms, io) => {
      const given = contentsOf(terms);
      const first = plugin.edit!(terms, io);
      const once = contentsOf(first);
      const twice = contentsOf(plugin.edit!(terms, io));
      requireSame(`${plugin.name} edits twice`, twice, once);
      requireSame(`${plugin.name} edits twice`, once, twice);
      requireSame(`What ${plugin.name} was given to edit`, contentsOf(terms), given);
      return first;
    },
  };
}

export const editsRepeatably: Check = {
  name: 'gives the same output when it edits the same input twice, and leaves the input alone',
  run: async ({ host, plugins }) => {
    await using(trainerOf({ host, plugins: () => plugins().map(editingTwice) }), (trainer) => runSteps(trainer, 2));
  },
};
