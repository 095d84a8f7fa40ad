import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { buildFolder, type Variant } from './wheel.js';

/** A TensorFlow library on this machine. */
export interface LibraryLocation {
  /** The shared library to load. */
  readonly file: string;
  /** Who put it there: the environment variable, an npm package, or `contrastive setup`. */
  readonly source: string;
}

/** Where the library was looked for and not found. */
export interface MissingLibrary {
  readonly source: string;
  readonly reason: string;
}

/** All libraries in order of preference, and the places without one. */
export interface LibrarySearch {
  readonly found: readonly LibraryLocation[];
  readonly missing: readonly MissingLibrary[];
}

/** Names of the library: in TensorFlow's wheels, and in tfjs-node and TensorFlow's C packages. */
const FILE_NAMES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ['libtensorflow_cc.so.2', 'libtensorflow.so.2'],
  darwin: ['libtensorflow_cc.2.dylib', 'libtensorflow.2.dylib'],
};
const SUBFOLDERS = ['', 'tensorflow', 'lib'];

/** The environment variable that names the library or a folder that holds it. */
export const LIBRARY_VARIABLE = 'CONTRASTIVE_TENSORFLOW';

/** The library in `folder` (also in its `tensorflow` or `lib`), or `folder` itself if it is a file. */
function libraryIn(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  if (statSync(folder).isFile()) return path.resolve(folder);
  const names = FILE_NAMES[process.platform] ?? [];
  const candidates = SUBFOLDERS.flatMap((sub) => names.map((name) => path.resolve(folder, sub, name)));
  return candidates.find((file) => existsSync(file));
}

/** Folder of an installed npm package, looked up from the working folder and from this package. */
function packageFolder(name: string): string | undefined {
  for (const from of [path.join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      return path.dirname(createRequire(from).resolve(`${name}/package.json`));
    } catch {} // not installed there
  }
  return undefined;
}

/**
 * Looks for TensorFlow's shared library: in `CONTRASTIVE_TENSORFLOW` (file or folder), in an installed
 * `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`, and among the builds that `contrastive setup` unpacked.
 *
 * @param variant which unpacked build to take; default `cuda` if it is there, else `cpu`.
 */
export function searchLibrary(variant?: Variant, env: NodeJS.ProcessEnv = process.env): LibrarySearch {
  const found: LibraryLocation[] = [];
  const missing: MissingLibrary[] = [];
  const look = (source: string, folders: readonly string[], reason: string) => {
    const files = folders.map(libraryIn).filter((file) => file !== undefined);
    if (files.length === 0) missing.push({ source, reason });
    for (const file of files) found.push({ file, source });
  };
  const named = env[LIBRARY_VARIABLE];
  look(LIBRARY_VARIABLE, named ? [named] : [], named ? `no TensorFlow library in ${named}` : 'not set');
  for (const name of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    const folder = packageFolder(name);
    const reason = folder === undefined ? 'not installed' : 'installed without its library (deps/lib)';
    look(name, folder === undefined ? [] : [path.join(folder, 'deps')], reason);
  }
  const builds = (variant === undefined ? (['cuda', 'cpu'] as const) : [variant]).map((v) => buildFolder(v, env));
  look('contrastive setup', builds, `nothing in ${path.dirname(builds[0]!)}`);
  return { found, missing };
}

/** The preferred library, or `undefined` if there is none; see {@link searchLibrary}. */
export const findLibrary = (variant?: Variant, env: NodeJS.ProcessEnv = process.env): LibraryLocation | undefined =>
  searchLibrary(variant, env).found[0];
