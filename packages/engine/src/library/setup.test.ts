import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../test/folder.js';
import { zip } from '../../test/zip.js';
import { findPip } from './pip.js';
import { cudaRequirements, type Installation, install, setup } from './setup.js';
import { TENSORFLOW_VERSION, type Wheel } from './wheel.js';

const withEnvironment = (values: Record<string, string>) => {
  const before = { ...process.env };
  Object.assign(process.env, values);
  onTestFinished(() => {
    for (const key of Object.keys(values)) {
      if (before[key] === undefined) delete process.env[key];
      else process.env[key] = before[key];
    }
  });
};

const members = {
  'tensorflow/lib.so': 'the library',
  [`tiny-${TENSORFLOW_VERSION}.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: tiny\nVersion: ${TENSORFLOW_VERSION}\n`,
  [`tiny-${TENSORFLOW_VERSION}.dist-info/WHEEL`]:
    'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_27_x86_64\n',
  [`tiny-${TENSORFLOW_VERSION}.dist-info/RECORD`]: '',
};

/** A tiny wheel that the real pip finds in a local folder, and where to install it. */
function tinyInstallation(more: Partial<Installation> = {}): Installation & { readonly wheelFile: string } {
  const folder = temporaryFolder();
  const content = zip(members);
  const wheelFile = path.join(folder, 'links', `tiny-${TENSORFLOW_VERSION}-cp311-cp311-manylinux_2_27_x86_64.whl`);
  mkdirSync(path.dirname(wheelFile));
  writeFileSync(wheelFile, content);
  withEnvironment({ PIP_NO_INDEX: '1', PIP_FIND_LINKS: path.dirname(wheelFile) });
  const wheel: Wheel = {
    variant: 'cpu',
    project: 'tiny',
    pythonVersion: '3.11',
    platform: 'manylinux_2_27_x86_64',
    sha256: createHash('sha256').update(content).digest('hex'),
    files: ['tensorflow/lib.so'],
  };
  const target = path.join(folder, 'cache', 'build');
  const downloads = path.join(folder, 'cache', 'downloads', 'build');
  return { wheel, target, downloads, report: () => {}, signal: undefined, wheelFile, ...more };
}

const hasPip = (await findPip()) !== undefined;
if (!hasPip) console.warn('SKIPPED: these tests need pip.');

describe.skipIf(!hasPip)('installing through pip', () => {
  test('downloads, checks and unpacks the wheel, and leaves nothing else behind', async () => {
    const phases: string[] = [];
    const installation = tinyInstallation({ report: ({ phase }) => phases.push(phase) });
    await install(installation);
    expect(readFileSync(path.join(installation.target, 'tensorflow/lib.so'), 'utf8')).toBe('the library');
    expect(phases).toEqual(['download', 'verify', 'unpack']);
    expect(readdirSync(path.dirname(installation.target)).sort()).toEqual(['build', 'downloads']);
    expect(existsSync(installation.downloads)).toBe(false);
  });

  test('two at once do the work once', async () => {
    const phases: string[] = [];
    const installation = tinyInstallation({ report: ({ phase }) => phases.push(phase) });
    await Promise.all([install(installation), install(installation)]);
    expect(phases).toEqual(['download', 'verify', 'unpack']);
  });

  test('a wheel that was downloaded before is used, if it is whole', async () => {
    const phases: string[] = [];
    const installation = tinyInstallation({ report: ({ phase }) => phases.push(phase) });
    mkdirSync(installation.downloads, { recursive: true });
    writeFileSync(path.join(installation.downloads, 'tiny.whl'), readFileSync(installation.wheelFile));
    await install(installation);
    expect(phases).toEqual(['unpack']);
  });

  test('a half wheel from before and a half build from before are thrown away', async () => {
    const installation = tinyInstallation();
    mkdirSync(installation.downloads, { recursive: true });
    writeFileSync(path.join(installation.downloads, 'tiny.whl'), readFileSync(installation.wheelFile).subarray(0, 50));
    mkdirSync(`${installation.target}.part-dead`);
    await install(installation);
    expect(existsSync(installation.target)).toBe(true);
    expect(existsSync(`${installation.target}.part-dead`)).toBe(false);
  });

  test('a wheel with another checksum is refused and not kept', async () => {
    const good = tinyInstallation();
    const installation = { ...good, wheel: { ...good.wheel, sha256: '0'.repeat(64) } };
    await expect(install(installation)).rejects.toMatchObject({ code: 'DATA' });
    expect(existsSync(installation.target)).toBe(false);
    expect(readdirSync(installation.downloads)).toEqual([]);
  });

  test('a wheel that lacks the library leaves no build', async () => {
    const good = tinyInstallation();
    const installation = { ...good, wheel: { ...good.wheel, files: ['tensorflow/gone.so'] as const } };
    await expect(install(installation)).rejects.toMatchObject({ code: 'DATA' });
    expect(readdirSync(path.dirname(installation.target))).toEqual(['downloads']);
  });

  test('what pip says is passed on', async () => {
    const good = tinyInstallation();
    const installation = { ...good, wheel: { ...good.wheel, project: 'no-such-project' } };
    await expect(install(installation)).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringContaining('no-such-project'),
    });
  });
});

test('without pip the error says what to install', async () => {
  withEnvironment({ PATH: temporaryFolder(), XDG_CACHE_HOME: temporaryFolder() });
  await expect(setup()).rejects.toMatchObject({
    code: 'BACKEND_MISSING',
    hint: expect.stringContaining('Install Python 3'),
  });
});

test('NVIDIA’s packages are those of the extra and-cuda', () => {
  const metadata = [
    'Requires-Dist: numpy>=1.26.0',
    'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
    "Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == 'and-cuda'",
    'Requires-Dist: other; extra == "gcs"',
  ].join('\n');
  expect(cudaRequirements(metadata)).toEqual([
    'nvidia-cublas-cu12<13.0,>=12.5.3.2',
    'nvidia-cudnn-cu12<10.0,>=9.3.0.75',
  ]);
});
