import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { describe, expect, it } from 'vitest';
import { checkMeta, readVariables, type SnapshotMeta, writeVariables } from './snapshot.js';

const variables = () => ({
  'online/kernel': tf.variable(tf.tensor2d([[1, 2]])),
  'host/pointer': tf.variable(tf.scalar(3, 'int32')),
});
const meta = (parts: SnapshotMeta['parts'] = {}, step = 4): SnapshotMeta => ({ version: 1, step, seed: 7, parts });

describe('writeVariables', () => {
  it('gives back what was read, with dtypes', async () => {
    const [source, target] = [variables(), variables()];
    const saved = await readVariables(source);
    source['online/kernel'].assign(tf.zeros([1, 2]));
    target['host/pointer'].assign(tf.scalar(0, 'int32'));
    writeVariables(target, saved);
    expect(target['online/kernel'].arraySync()).toEqual([[1, 2]]);
    expect(target['host/pointer'].arraySync()).toBe(3);
    expect(saved['host/pointer']).toMatchObject({ dtype: 'int32', shape: [] });
  });

  it('changes nothing and lists the problems if something does not fit', async () => {
    const target = variables();
    const saved = await readVariables(target);
    const wrong = {
      'online/kernel': { ...saved['online/kernel']!, shape: [2, 1] as [number, number] },
      extra: saved['host/pointer']!,
    };
    target['host/pointer'].assign(tf.scalar(9, 'int32'));
    expect(() => writeVariables(target, wrong)).toThrow(
      /online\/kernel is float32 \[2,1\], the run has float32 \[1,2\]; host\/pointer is missing; extra is not part of this run/,
    );
    expect(target['host/pointer'].arraySync()).toBe(9);
  });

  it('names the first five of many problems', () => {
    const saved = Object.fromEntries(
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [
        name,
        { shape: [1] as [number], dtype: 'float32' as const, data: new Float32Array(1) },
      ]),
    );
    expect(() => writeVariables({}, saved)).toThrow(/e is not part of this run; and 2 more\.$/);
  });
});

describe('checkMeta', () => {
  it('takes equal parts at any step', () => {
    expect(() => checkMeta(meta({ host: { k: [1, 2] } }), meta({ host: { k: [1, 2] } }, 0))).not.toThrow();
  });

  it('names the first option that differs', () => {
    expect(() => checkMeta(meta({ host: { k: [1, 2] } }), meta({ host: { k: [1, 3] } }))).toThrow(
      /host\.k\.1 was 2, now it is 3/,
    );
    expect(() => checkMeta(meta(), { ...meta(), seed: 8 })).toThrow(/seed was 7, now it is 8/);
    expect(() => checkMeta({ ...meta(), version: 2 as 1 }, meta())).toThrow(/layout version 2, this program reads 1/);
  });
});
