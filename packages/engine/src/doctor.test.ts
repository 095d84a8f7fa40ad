import { expect, test, vi } from 'vitest';
import { doctor, parseCpuFlags } from './doctor.js';

test('the flags of x86 and ARM processors are understood', () => {
  expect(parseCpuFlags('model name\t: AMD\nflags\t\t: fpu avx2 avx512f avx512_bf16\n')).toEqual({
    avx2: true,
    avx512: true,
    bfloat16: true,
  });
  expect(parseCpuFlags('Features\t: fp asimd bf16\n')).toEqual({ avx2: false, avx512: false, bfloat16: true });
  expect(parseCpuFlags('flags : fpu avx2')).toEqual({ avx2: true, avx512: false, bfloat16: false });
  expect(parseCpuFlags('')).toBeUndefined();
});

test('the report names the backend and has a remedy for every problem', async () => {
  const report = await doctor();
  expect(report.node).toBe(process.version);
  expect(report.cpu.cores).toBeGreaterThan(0);
  expect(report.backend).toBe(report.tensorflow === undefined ? 'wasm' : 'tensorflow');
  for (const { problem, remedy } of report.findings) {
    expect(problem).not.toBe('');
    expect(remedy).not.toBe('');
  }
  if (report.tensorflow === undefined)
    expect(report.findings.map((f) => f.remedy).join()).toContain('contrastive setup');
  else expect(report.tensorflow.devices.length).toBeGreaterThan(0);
});

test('a variable that names no library is a finding, whatever else is found', async () => {
  vi.stubEnv('CONTRASTIVE_TENSORFLOW', '/nowhere');
  try {
    const { findings } = await doctor();
    expect(findings.map(({ problem }) => problem).join()).toContain('no TensorFlow library in /nowhere');
  } finally {
    vi.unstubAllEnvs();
  }
});
