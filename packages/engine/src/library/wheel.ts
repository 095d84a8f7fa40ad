import { homedir } from 'node:os';
import path from 'node:path';
import { SslError } from '@contrastive/core';

/** Which build of TensorFlow: `cpu`, or `cuda` for NVIDIA GPUs (Linux only, untested: it needs a GPU). */
export type Variant = 'cpu' | 'cuda';

/** The release that the engine is developed and tested with. */
export const TENSORFLOW_VERSION = '2.21.0';

/** Where a build comes from and what is kept of it. */
export interface Wheel {
  readonly variant: Variant;
  /** Name of the PyPI project. */
  readonly project: string;
  readonly pythonVersion: string;
  readonly platform: string;
  /** Checksum of the whole wheel, from PyPI; checked while it is unpacked. */
  readonly sha256: string;
  /** Members of the wheel that are kept; the first one is loaded. */
  readonly files: readonly [string, ...string[]];
}

const LINUX_FILES = ['tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2'] as const;
const MACOS_FILES = ['tensorflow/libtensorflow_cc.2.dylib', 'tensorflow/libtensorflow_framework.2.dylib'] as const;
const LINUX = { pythonVersion: '3.11', files: LINUX_FILES } as const;

/** Wheels by `variant-platform-architecture` of Node. Only `cpu-linux-x64` is tested. */
const WHEELS: Readonly<Record<string, Wheel>> = {
  'cpu-linux-x64': {
    ...LINUX,
    variant: 'cpu',
    project: 'tensorflow-cpu',
    platform: 'manylinux_2_27_x86_64',
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  },
  'cpu-linux-arm64': {
    ...LINUX,
    variant: 'cpu',
    project: 'tensorflow',
    platform: 'manylinux_2_27_aarch64',
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
  },
  'cpu-darwin-arm64': {
    variant: 'cpu',
    project: 'tensorflow',
    pythonVersion: '3.12',
    platform: 'macosx_12_0_arm64',
    sha256: '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712',
    files: MACOS_FILES,
  },
  'cuda-linux-x64': {
    ...LINUX,
    variant: 'cuda',
    project: 'tensorflow',
    platform: 'manylinux_2_27_x86_64',
    sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
  },
};

const key = (variant: Variant) => `${variant}-${process.platform}-${process.arch}`;

/** The wheel for this machine. @throws SslError `BACKEND_MISSING` if there is none. */
export function wheelFor(variant: Variant): Wheel {
  const wheel = WHEELS[key(variant)];
  if (wheel !== undefined) return wheel;
  throw new SslError(
    'BACKEND_MISSING',
    `there is no ${variant} build of TensorFlow for ${process.platform} ${process.arch}.`,
    {
      hint: `Builds exist for ${Object.keys(WHEELS).join(', ')}. Elsewhere the wasm backend is used, or set CONTRASTIVE_TENSORFLOW to a library of your own.`,
    },
  );
}

/** Folder of the user's cache that holds libraries, shared by all projects: `$XDG_CACHE_HOME/contrastive/tensorflow`. */
export const cacheFolder = (env: NodeJS.ProcessEnv = process.env): string =>
  path.join(env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'contrastive', 'tensorflow');

/** Folder of one unpacked build. It appears all at once, by renaming, so that it is whole whenever it exists. */
export const buildFolder = (variant: Variant, env: NodeJS.ProcessEnv = process.env): string =>
  path.join(cacheFolder(env), `${TENSORFLOW_VERSION}-${key(variant)}`);
