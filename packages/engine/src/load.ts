import { availableParallelism } from 'node:os';
import { type OptionIssue, oneOf, resolveOptions, SslError } from '@contrastive/core';
import { installBackend, type NodeBackend } from './eager/backend.js';
import { EagerBinding } from './eager/binding.js';
import { type Device, type EagerContext, openContext } from './eager/context.js';
import { type LibraryLocation, searchLibrary } from './library/locate.js';
import type { Variant } from './library/wheel.js';
import { type CApi, loadCApi } from './native/c-api.js';
import { quietLogs } from './native/quiet.js';

export interface LoadOptions {
  /** The library to load; default: the first that {@link searchLibrary} finds and that loads. */
  readonly library?: string | undefined;
  /** Which unpacked build to take; default `cuda` if it is there, else `cpu`. */
  readonly variant?: Variant | undefined;
  /**
   * Threads inside one operation, for the whole process; default `TF_NUM_INTRAOP_THREADS` or all cores. With 1 (and
   * `compiledRuntime({ threads: 1 })`) results repeat bit by bit.
   */
  readonly threads?: number | undefined;
  /** Where to compute. `auto` (default): on the GPU if TensorFlow finds one. `cpu`: not there. `gpu`: it must find one. */
  readonly device?: 'auto' | 'cpu' | 'gpu';
}

export const LOAD_DEFAULTS: Readonly<LoadOptions> = {
  library: undefined,
  variant: undefined,
  threads: undefined,
  device: 'auto',
};

/** The loaded TensorFlow. */
export interface TensorFlow {
  /** Version of TensorFlow, for example `2.21.0`. */
  readonly version: string;
  readonly library: LibraryLocation;
  /** The devices that TensorFlow can use. */
  readonly devices: readonly Device[];
  readonly isUsingGpuDevice: boolean;
  /** Threads inside one operation. */
  readonly threads: number;
}

/** The loaded TensorFlow with its inner parts, for the other files of this package. */
export interface LoadedTensorFlow extends TensorFlow {
  readonly api: CApi;
  readonly binding: EagerBinding;
  readonly backend: NodeBackend;
  readonly device: NonNullable<LoadOptions['device']>;
}

// A process can hold one TensorFlow: its devices, thread pool and registries are global to the process.
let loaded: LoadedTensorFlow | undefined;

/** The TensorFlow that this process has loaded, if any. */
export const currentTensorFlow = (): LoadedTensorFlow | undefined => loaded;

/**
 * Finds and loads TensorFlow's library and makes it tfjs's current backend, `tensorflow`. Further calls return the same
 * TensorFlow: it lives until the process ends.
 *
 * @throws SslError `BACKEND_MISSING` if there is no library that loads; `BAD_OPTION` for options that a loaded TensorFlow
 *   cannot follow any more, or `device: 'gpu'` where it finds none.
 */
export async function loadTensorFlow(options: LoadOptions = {}): Promise<TensorFlow> {
  const resolved = resolveOptions('loadTensorFlow', LOAD_DEFAULTS, options, checkOptions);
  if (loaded !== undefined) return checkSame(loaded, resolved);
  const { device = 'auto' } = resolved;
  const { api, library } = loadFirst(resolved);
  const threads = resolved.threads ?? (Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism());
  const context: EagerContext = openContext(api, { intraOpThreads: threads, device });
  const binding = new EagerBinding(api, context);
  const backend = installBackend(binding);
  loaded = {
    version: api.version(),
    library,
    devices: context.devices,
    isUsingGpuDevice: binding.isUsingGpuDevice(),
    threads,
    api,
    binding,
    backend,
    device,
  };
  return checkSame(loaded, resolved);
}

function checkOptions(o: LoadOptions): OptionIssue[] {
  const issues: OptionIssue[] = [];
  if (o.threads !== undefined && !(Number.isInteger(o.threads) && o.threads >= 1)) {
    issues.push({ option: 'threads', problem: `must be a whole number ≥ 1, but is ${o.threads}` });
  }
  if (o.variant !== undefined && o.variant !== 'cpu' && o.variant !== 'cuda') {
    issues.push({ option: 'variant', problem: `must be 'cpu' or 'cuda', but is ${String(o.variant)}` });
  }
  return [...issues, ...oneOf(o, 'device', ['auto', 'cpu', 'gpu'])];
}

function checkSame(tensorflow: LoadedTensorFlow, wanted: LoadOptions): LoadedTensorFlow {
  if (wanted.device === 'gpu' && !tensorflow.isUsingGpuDevice) throw noGpu(tensorflow);
  if (wanted.device === 'cpu' && tensorflow.isUsingGpuDevice) {
    throw new SslError('BAD_OPTION', 'loadTensorFlow: device is cpu, but TensorFlow is loaded with its GPU.', {
      hint: 'A process loads TensorFlow once: give the options in the first call.',
    });
  }
  const other = wanted.library !== undefined && wanted.library !== tensorflow.library.file;
  if (!other && (wanted.threads === undefined || wanted.threads === tensorflow.threads)) return tensorflow;
  throw new SslError(
    'BAD_OPTION',
    `loadTensorFlow: ${tensorflow.library.file} with ${tensorflow.threads} threads is loaded already.`,
    { hint: 'A process loads TensorFlow once: give the options in the first call.' },
  );
}

const noGpu = ({ library, devices }: LoadedTensorFlow): SslError =>
  new SslError(
    'BAD_OPTION',
    `loadTensorFlow: device is gpu, but ${library.file} finds only ${devices.map((d) => d.type).join(', ')}.`,
    { hint: "It takes an NVIDIA GPU with its driver, and the CUDA build: `setup({ variant: 'cuda' })`." },
  );

/** Loads the first library that loads. A library that is found but broken is reported only if no other one works. */
function loadFirst(options: LoadOptions): { api: CApi; library: LibraryLocation } {
  const { found, missing } =
    options.library === undefined
      ? searchLibrary(options.variant)
      : { found: [{ file: options.library, source: 'library option' }], missing: [] };
  const problems = missing.map(({ source, reason }) => `${source}: ${reason}`);
  for (const library of found) {
    try {
      quietLogs(library.file);
      return { api: loadCApi(library.file), library };
    } catch (error) {
      problems.push(`${library.source}, ${library.file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new SslError('BACKEND_MISSING', `TensorFlow's library could not be loaded. ${problems.join('; ')}.`, {
    hint: 'Run `contrastive setup`, which gets it by pip, or set CONTRASTIVE_TENSORFLOW to a folder that holds it.',
  });
}
