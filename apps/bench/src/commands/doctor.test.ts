import type { DoctorReport } from '@contrastive/engine';
import { expect, it } from 'vitest';
import { doctorText } from './doctor.js';

const report: DoctorReport = {
  node: 'v20.1.0',
  system: 'linux x64',
  cpu: { model: 'Some CPU', cores: 2, features: { avx2: true, avx512: false, bfloat16: false } },
  memory: { totalBytes: 8 * 2 ** 30, freeBytes: 2 ** 30 },
  backend: 'wasm',
  tensorflow: undefined,
  missing: [],
  pip: undefined,
  findings: [{ problem: 'There is no pip.', remedy: 'Install Python 3 with pip;\n  setup uses it.' }],
};

it('prints what there is, aligned, then one finding a line with what to do', () => {
  expect(doctorText(report).split('\n')).toEqual([
    'Node         v20.1.0',
    'system       linux x64',
    'CPU          Some CPU, 2 cores, avx2',
    'memory       8.0 GiB, 1.0 GiB free',
    'backend      wasm',
    'TensorFlow   none',
    'library      –',
    'GPU          none in use',
    'pip          none',
    '',
    '! There is no pip. → Install Python 3 with pip; setup uses it.',
  ]);
});

it('names library and GPU, and says when nothing is missing', () => {
  const text = doctorText({
    ...report,
    backend: 'tensorflow',
    tensorflow: {
      ...{ version: '2.21.0', threads: 2, isUsingGpuDevice: true },
      library: { file: '/lib/tf.so', source: 'contrastive setup' },
      devices: [
        { name: '/device:CPU:0', type: 'CPU' },
        { name: '/device:GPU:0', type: 'GPU' },
      ],
    } as DoctorReport['tensorflow'],
    findings: [],
  });
  expect(text).toContain('library      /lib/tf.so (contrastive setup)');
  expect(text).toContain('GPU          /device:GPU:0');
  expect(text.endsWith('Nothing is missing.')).toBe(true);
});
