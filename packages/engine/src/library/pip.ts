import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { SslError } from '@contrastive/core';
import { TENSORFLOW_VERSION, type Wheel } from './wheel.js';

/** A pip that runs. */
export interface Pip {
  readonly command: string;
  readonly args: readonly string[];
  /** What `pip --version` prints. */
  readonly version: string;
}

const CANDIDATES: readonly (readonly [string, ...string[]])[] = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['pip3'],
  ['pip'],
];

/** pip gets names of platforms as they are and does not try older ones by itself. */
const OLDER_PLATFORMS: readonly string[] = ['manylinux_2_17_x86_64', 'manylinux2014_x86_64'];

/** The first pip on the path that answers, or `undefined`. */
export async function findPip(env: NodeJS.ProcessEnv = process.env): Promise<Pip | undefined> {
  for (const [command, ...args] of CANDIDATES) {
    try {
      const { stdout } = await promisify(execFile)(command, [...args, '--version'], { env, timeout: 30_000 });
      return { command, args, version: stdout.trim() };
    } catch {} // not there, or Python without pip
  }
  return undefined;
}

/** Options of pip that ask for the files of one platform, whichever Python runs pip. */
const forPlatform = (wheel: Wheel): string[] => [
  '--no-deps',
  '--only-binary=:all:',
  '--implementation=cp',
  `--python-version=${wheel.pythonVersion}`,
  `--platform=${wheel.platform}`,
];

/** Downloads the wheel into `folder`. @throws SslError `IO` with the end of what pip says. */
export const downloadWheel = (pip: Pip, wheel: Wheel, folder: string, signal?: AbortSignal): Promise<void> =>
  runPip(
    pip,
    ['download', ...forPlatform(wheel), `--dest=${folder}`, `${wheel.project}==${TENSORFLOW_VERSION}`],
    signal,
  );

/** Installs further packages, for example NVIDIA's libraries, into `folder`. */
export const installPackages = (
  pip: Pip,
  wheel: Wheel,
  requirements: readonly string[],
  folder: string,
  signal?: AbortSignal,
): Promise<void> => {
  const platforms = OLDER_PLATFORMS.map((platform) => `--platform=${platform}`);
  return runPip(pip, ['install', ...forPlatform(wheel), ...platforms, `--target=${folder}`, ...requirements], signal);
};

const KEPT_OUTPUT = 2000;

async function runPip(pip: Pip, args: readonly string[], signal?: AbortSignal): Promise<void> {
  const env = { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_PROGRESS_BAR: 'off' };
  const child = spawn(pip.command, [...pip.args, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).catch((cause: Error) => {
    if (signal?.aborted) throw new SslError('CANCELLED', 'pip was stopped.', { cause });
    throw new SslError('IO', `${pip.command} could not be run: ${cause.message}`, { cause });
  });
  if (code === 0) return;
  throw new SslError('IO', `pip ended with code ${code}: ${output.trim()}`, {
    hint: 'Check the network and the proxy and index settings of pip (`pip config list`), then run `contrastive setup` again.',
  });
}
