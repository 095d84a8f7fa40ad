import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { resolveOptions, SslError } from '@contrastive/core';
import { type LibraryLocation, searchLibrary } from './locate.js';
import { withLock } from './lock.js';
import { downloadWheel, findPip, installPackages, type Pip } from './pip.js';
import { readMember, sha256, unpackMembers } from './unpack.js';
import { buildFolder, cacheFolder, type Variant, type Wheel, wheelFor } from './wheel.js';

/** What `setup` is doing. */
export interface SetupProgress {
  readonly phase: 'download' | 'verify' | 'unpack' | 'cuda';
  /** Share of the phase that is done, where it is known. */
  readonly fraction?: number;
}

export interface SetupOptions {
  /** `cpu` (default), or `cuda` for NVIDIA GPUs on Linux (untested: it takes a GPU; about 3 GB). */
  readonly variant?: Variant;
  readonly onProgress?: ((progress: SetupProgress) => void) | undefined;
  /** Stops the work; what was downloaded completely is used next time. */
  readonly signal?: AbortSignal | undefined;
}

export const SETUP_DEFAULTS: Readonly<SetupOptions> = { variant: 'cpu', onProgress: undefined, signal: undefined };

/** One build to install. */
export interface Installation {
  readonly wheel: Wheel;
  /** Folder that will hold the build. */
  readonly target: string;
  /** Folder that keeps the wheel until it is unpacked. */
  readonly downloads: string;
  readonly report: (progress: SetupProgress) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes sure that TensorFlow's library is on this machine: downloads the wheel by pip (273 MB), checks it against the known
 * checksum and unpacks the two libraries (850 MB) into the user's cache. Interrupted at any point, it leaves nothing that would
 * be taken for a library; a second process waits for the first.
 *
 * @throws SslError `BACKEND_MISSING` if there is no pip or no build for this machine; `IO`, `DATA` if download or unpacking
 *   fail; `CANCELLED`.
 */
export async function setup(options: SetupOptions = {}): Promise<LibraryLocation> {
  const { variant, onProgress, signal } = resolveOptions('setup', SETUP_DEFAULTS, options);
  const wheel = wheelFor(variant ?? 'cpu');
  const target = buildFolder(wheel.variant);
  const downloads = path.join(cacheFolder(), 'downloads', path.basename(target));
  await install({ wheel, target, downloads, report: onProgress ?? (() => {}), signal });
  const built = searchLibrary(wheel.variant).found.find(({ file }) => file.startsWith(target));
  if (built !== undefined) return built;
  throw new SslError('IO', `${target} exists but holds no library.`, {
    hint: 'Delete it and run `contrastive setup` again.',
  });
}

/** Downloads and unpacks one build, unless it is there already. */
export const install = (installation: Installation): Promise<void> =>
  withLock(
    `${installation.target}.lock`,
    () => (existsSync(installation.target) ? Promise.resolve() : build(installation)),
    installation.signal,
  );

async function build(installation: Installation): Promise<void> {
  const { wheel, target, downloads, report, signal } = installation;
  await mkdir(downloads, { recursive: true });
  await removeLeftovers(target);
  const archive = await obtainWheel(installation);
  const temporary = await mkdtemp(`${target}.part-`);
  try {
    let written = 0;
    const onBytes = (bytes: number, total: number) => {
      written += bytes;
      report({ phase: 'unpack', fraction: written / total });
    };
    await unpackMembers(archive, wheel.files, temporary, onBytes, signal);
    if (wheel.variant === 'cuda') await addCuda(installation, archive, temporary);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  await rm(downloads, { recursive: true, force: true });
}

/** What a process that was killed while unpacking left behind. */
async function removeLeftovers(target: string): Promise<void> {
  const folder = path.dirname(target);
  const parts = (await readdir(folder)).filter((name) => name.startsWith(`${path.basename(target)}.part-`));
  await Promise.all(parts.map((name) => rm(path.join(folder, name), { recursive: true, force: true })));
}

/** The checked wheel in `downloads`: left there by an earlier run, or downloaded. */
async function obtainWheel({ wheel, downloads, report, signal }: Installation): Promise<string> {
  const earlier = await wheelIn(downloads);
  if (earlier !== undefined && (await sha256(earlier, signal)) === wheel.sha256) return earlier;
  if (earlier !== undefined) await rm(earlier);
  const pip = await requirePip();
  report({ phase: 'download' });
  await downloadWheel(pip, wheel, downloads, signal);
  report({ phase: 'verify' });
  const archive = await wheelIn(downloads);
  const sum = archive && (await sha256(archive, signal));
  if (sum === wheel.sha256) return archive!;
  if (archive !== undefined) await rm(archive);
  throw new SslError('DATA', `the downloaded wheel has the checksum ${sum}, but ${wheel.sha256} was expected.`, {
    hint: 'The index that pip uses serves another file under this name; use PyPI or a true mirror of it.',
  });
}

const wheelIn = async (folder: string): Promise<string | undefined> => {
  const name = (await readdir(folder)).find((file) => file.endsWith('.whl'));
  return name === undefined ? undefined : path.join(folder, name);
};

async function requirePip(): Promise<Pip> {
  const pip = await findPip();
  if (pip !== undefined) return pip;
  throw new SslError('BACKEND_MISSING', 'TensorFlow comes through pip, and no pip was found.', {
    hint: 'Install Python 3 with pip, or set CONTRASTIVE_TENSORFLOW to a folder that holds the library.',
  });
}

/** Adds NVIDIA's libraries beside `tensorflow`, where TensorFlow's library looks for them (`$ORIGIN/../nvidia`). */
async function addCuda({ wheel, report, signal }: Installation, archive: string, folder: string): Promise<void> {
  report({ phase: 'cuda' });
  const requirements = cudaRequirements(await readMember(archive, '.dist-info/METADATA'));
  await installPackages(await requirePip(), wheel, requirements, folder, signal);
}

/** The requirements of the wheel's extra `and-cuda`. */
export const cudaRequirements = (metadata: string): string[] =>
  [...metadata.matchAll(/^Requires-Dist: ([^;\n]+);[^\n]*extra == ["']and-cuda["']/gm)].map((match) =>
    match[1]!.trim(),
  );
