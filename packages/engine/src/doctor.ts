import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, freemem, platform, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { describeError, SslError } from '@contrastive/core';
import type { Device } from './eager/context.js';
import { LIBRARY_VARIABLE, type LibraryLocation, type MissingLibrary, searchLibrary } from './library/locate.js';
import { findPip } from './library/pip.js';
import { loadTensorFlow } from './load.js';

/** Instruction sets that decide the speed; `undefined` where the system does not tell. */
export interface CpuFeatures {
  readonly avx2: boolean;
  readonly avx512: boolean;
  /** bfloat16 arithmetic, without which `precision: 'bf16'` is slower than `f32`. */
  readonly bfloat16: boolean;
}

/** Something that is missing or slow, and what to do about it. */
export interface Finding {
  readonly problem: string;
  readonly remedy: string;
}

/** What this machine offers, as data. */
export interface DoctorReport {
  readonly node: string;
  readonly system: string;
  readonly cpu: { readonly model: string; readonly cores: number; readonly features: CpuFeatures | undefined };
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  /** The backend that `selectBackend` would choose. */
  readonly backend: 'tensorflow' | 'wasm';
  readonly tensorflow:
    | {
        readonly version: string;
        readonly library: LibraryLocation;
        readonly threads: number;
        readonly devices: readonly Device[];
        readonly isUsingGpuDevice: boolean;
      }
    | undefined;
  /** Places without a library. */
  readonly missing: readonly MissingLibrary[];
  /** What `pip --version` says, if there is a pip. */
  readonly pip: string | undefined;
  readonly findings: readonly Finding[];
}

/** Looks at this machine and loads TensorFlow if it is there. Never throws for something that is missing. */
export async function doctor(): Promise<DoctorReport> {
  const findings: Finding[] = [];
  const [tensorflow, pip, features] = await Promise.all([loadOrReport(findings), findPip(), cpuFeatures()]);
  if (tensorflow === undefined && pip === undefined) {
    findings.push({ problem: 'There is no pip.', remedy: 'Install Python 3 with pip; `contrastive setup` uses it.' });
  }
  if (features?.bfloat16 === false) {
    findings.push({
      problem: 'The CPU has no bfloat16 arithmetic.',
      remedy: "Use precision 'f32', which is faster here.",
    });
  }
  const { missing } = searchLibrary();
  if (process.env[LIBRARY_VARIABLE] && missing.some(({ source }) => source === LIBRARY_VARIABLE)) {
    findings.push({
      problem: `${LIBRARY_VARIABLE} is set, but there is no TensorFlow library in ${process.env[LIBRARY_VARIABLE]}.`,
      remedy: 'Correct it, or unset it.',
    });
  }
  const { isUsingGpuDevice = false } = tensorflow ?? {};
  if (!isUsingGpuDevice && (await hasNvidiaDriver())) {
    findings.push({
      problem: 'There is an NVIDIA GPU that TensorFlow does not use.',
      remedy: 'Run `contrastive setup --variant cuda` (untested).',
    });
  }
  return {
    node: process.version,
    system: `${platform()} ${arch()}`,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism(), features },
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    backend: tensorflow === undefined ? 'wasm' : 'tensorflow',
    tensorflow,
    missing,
    pip: pip?.version,
    findings,
  };
}

async function loadOrReport(findings: Finding[]): Promise<DoctorReport['tensorflow']> {
  try {
    const { version, library, threads, devices, isUsingGpuDevice } = await loadTensorFlow();
    return { version, library, threads, devices, isUsingGpuDevice };
  } catch (error) {
    const remedy = error instanceof SslError ? error.hint : undefined;
    findings.push({
      problem: error instanceof Error ? error.message : String(error),
      remedy: remedy ?? describeError(error),
    });
    return undefined;
  }
}

async function cpuFeatures(): Promise<CpuFeatures | undefined> {
  if (platform() !== 'linux') return undefined;
  const info = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return parseCpuFlags(info);
}

/** Features from the text of `/proc/cpuinfo`, of x86 (`flags`) or ARM (`Features`). */
export function parseCpuFlags(cpuinfo: string): CpuFeatures | undefined {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1];
  if (line === undefined) return undefined;
  const flags = new Set(line.split(/\s+/));
  return {
    avx2: flags.has('avx2'),
    avx512: flags.has('avx512f'),
    bfloat16: ['avx512_bf16', 'amx_bf16', 'bf16'].some((flag) => flags.has(flag)),
  };
}

async function hasNvidiaDriver(): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', ['-L'], { timeout: 10_000 });
    return stdout.includes('GPU');
  } catch {
    return false;
  }
}
