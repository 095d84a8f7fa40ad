import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SslError } from '@contrastive/core';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { findCluster } from './cluster.js';

const folder = mkdtempSync(join(tmpdir(), 'contrastive-cluster-'));
afterAll(() => rmSync(folder, { recursive: true }));

const fromEnvironment = (value: unknown) => findCluster({}, JSON.stringify(value));
const [a, b, c] = ['a.example:2222', '10.0.0.2:2223', '[fe80::1]:2222'];

describe('TF_CONFIG', () => {
  it('counts the chief as rank 0 and the workers after it, as a TFJob and Vertex AI write it', () => {
    const cluster = { chief: [a], worker: [b, c] };
    const at = (type: string, index: number) =>
      fromEnvironment({ cluster, task: { type, index }, environment: 'cloud' });
    expect(at('chief', 0)).toEqual({ workers: [a, b, c], rank: 0 });
    expect(at('worker', 1)).toEqual({ workers: [a, b, c], rank: 2 });
  });

  it('counts workers alone from 0, as SageMaker writes it, also if the index is text', () => {
    expect(fromEnvironment({ cluster: { worker: [a, b] }, task: { type: 'worker', index: 1 } })).toEqual({
      workers: [a, b],
      rank: 1,
    });
    expect(fromEnvironment({ cluster: { master: [a], worker: [b] }, task: { type: 'worker', index: '0' } })?.rank).toBe(
      1,
    );
  });

  it('means one process if it is absent, empty or lists one worker', () => {
    expect(findCluster({}, undefined)).toBeUndefined();
    expect(findCluster({}, ' ')).toBeUndefined();
    for (const value of [{}, { cluster: {} }, { cluster: { worker: [a] } }])
      expect(fromEnvironment(value)).toBeUndefined();
    expect(fromEnvironment({ cluster: { chief: [a] }, task: { type: 'chief', index: 0 } })).toBeUndefined();
  });

  it.each([
    ['not JSON', '{cluster', 'TF_CONFIG is not valid JSON'],
    ['an address without a port', '{"cluster":{"worker":["a","b:1"]}}', 'cluster: worker: 0: must be host:port'],
    ['a port that is none', '{"cluster":{"worker":["a:70000","b:1"]}}', 'port from 1 to 65535'],
    ['no task', `{"cluster":{"worker":["${a}","${b}"]}}`, 'TF_CONFIG has no task'],
    ['two chiefs', `{"cluster":{"chief":["${a}","${b}"]}}`, 'cluster: chief: '],
    ['parameter servers', `{"cluster":{"worker":["${a}"],"ps":["${b}"]}}`, 'no parameter servers'],
    [
      'a task that does not train',
      `{"cluster":{"worker":["${a}","${b}"]},"task":{"type":"evaluator","index":0}}`,
      'chief or worker',
    ],
    [
      'an index outside',
      `{"cluster":{"worker":["${a}","${b}"]},"task":{"type":"worker","index":2}}`,
      'this is worker 2',
    ],
    ['a negative index', `{"cluster":{"worker":["${a}","${b}"]},"task":{"type":"worker","index":-1}}`, 'task: index'],
    [
      'an address twice',
      `{"cluster":{"worker":["${a}","${a}"]},"task":{"type":"worker","index":0}}`,
      `lists ${a} twice`,
    ],
    ['a changing cluster', '{"sparseCluster":{"worker":{"0":"a:1"}}}', 'sparseCluster'],
  ])('is refused with %s', (_name, value, message) => {
    expect(() => findCluster({}, value)).toThrow(message);
    expect(() => findCluster({}, value)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('takes or refuses any value, with an error of ours', () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.record({ cluster: fc.anything(), task: fc.anything() }).map((v) => JSON.stringify(v) ?? ''),
    );
    fc.assert(
      fc.property(text, (value) => {
        try {
          findCluster({}, value);
        } catch (error) {
          expect(error).toBeInstanceOf(SslError);
        }
      }),
    );
  });
});

describe('--cluster', () => {
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  it('reads a list from YAML or JSON, and wins over TF_CONFIG', () => {
    const yaml = write('cluster.yaml', `- ${a}\n- ${b}\n- "${c}"\n`);
    const json = write('cluster.json', JSON.stringify([a, b, c]));
    for (const cluster of [yaml, json]) {
      expect(findCluster({ cluster, rank: 2 }, '{')).toEqual({ workers: [a, b, c], rank: 2 });
      expect(findCluster({ cluster, rank: 0, workers: 3 }, undefined)?.rank).toBe(0);
    }
  });

  it('is refused if it is missing, malformed, or does not fit the other options', () => {
    const cluster = write('two.yaml', `[${a}, ${b}]`);
    const refused = (flags: Parameters<typeof findCluster>[0]) => expect(() => findCluster(flags, undefined));
    refused({ cluster: join(folder, 'none'), rank: 0 }).toThrow(/Reading the cluster .* failed/);
    refused({ cluster: write('map.yaml', 'workers: 2'), rank: 0 }).toThrow('must be a list of host:port');
    refused({ cluster: write('bad.yaml', '- "a'), rank: 0 }).toThrow('is not valid YAML');
    refused({ cluster: write('empty.yaml', '[]'), rank: 0 }).toThrow('empty.yaml: ');
    refused({ cluster }).toThrow('without --rank');
    refused({ rank: 0 }).toThrow('without --cluster');
    refused({ cluster, rank: 2 }).toThrow('--rank is 2, but');
    refused({ cluster, rank: 0.5 }).toThrow('--rank is 0.5');
    refused({ cluster, rank: 0, workers: 4 }).toThrow(/--workers is 4, but .* lists 2/);
  });
});
