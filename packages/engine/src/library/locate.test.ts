import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/folder.js';
import { findLibrary, searchLibrary } from './locate.js';
import { buildFolder, cacheFolder, TENSORFLOW_VERSION } from './wheel.js';

const name = process.platform === 'darwin' ? 'libtensorflow_cc.2.dylib' : 'libtensorflow_cc.so.2';

function touch(...parts: string[]): string {
  const file = path.join(...parts);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, '');
  return file;
}

test('CONTRASTIVE_TENSORFLOW names the file, its folder, or the folder above', () => {
  const folder = temporaryFolder();
  const file = touch(folder, 'tensorflow', name);
  for (const named of [file, path.dirname(file), folder]) {
    expect(findLibrary('cpu', { CONTRASTIVE_TENSORFLOW: named })).toEqual({ file, source: 'CONTRASTIVE_TENSORFLOW' });
  }
});

test('the variable goes before the unpacked build', () => {
  const [cache, folder] = [temporaryFolder(), temporaryFolder()];
  const built = touch(buildFolder('cpu', { XDG_CACHE_HOME: cache }), 'tensorflow', name);
  const named = touch(folder, name);
  const { found } = searchLibrary('cpu', { XDG_CACHE_HOME: cache, CONTRASTIVE_TENSORFLOW: folder });
  expect(found.map((f) => f.file)).toEqual([named, built]);
});

test('a CUDA build goes before the CPU build unless one is asked for', () => {
  const env = { XDG_CACHE_HOME: temporaryFolder() };
  const cpu = touch(buildFolder('cpu', env), 'tensorflow', name);
  expect(findLibrary(undefined, env)!.file).toBe(cpu);
  const cuda = touch(buildFolder('cuda', env), 'tensorflow', name);
  expect(findLibrary(undefined, env)!.file).toBe(cuda);
  expect(findLibrary('cpu', env)!.file).toBe(cpu);
});

test('where nothing is found each place says why', () => {
  const cache = temporaryFolder();
  const env = { XDG_CACHE_HOME: cache, CONTRASTIVE_TENSORFLOW: '/nowhere' };
  const { found, missing } = searchLibrary('cpu', env);
  expect(found).toEqual([]);
  expect(missing.map((m) => m.source)).toEqual([
    'CONTRASTIVE_TENSORFLOW',
    '@tensorflow/tfjs-node-gpu',
    '@tensorflow/tfjs-node',
    'contrastive setup',
  ]);
  expect(missing[0]!.reason).toContain('/nowhere');
  expect(missing[1]!.reason).toContain('without its library');
  expect(missing[3]!.reason).toContain(cache);
});

test('an unpacked build that is still in the making is not taken for one', () => {
  const env = { XDG_CACHE_HOME: temporaryFolder() };
  touch(`${buildFolder('cpu', env)}.part-x`, 'tensorflow', name);
  expect(findLibrary('cpu', env)).toBeUndefined();
});

test('builds are kept by version, variant and machine, in the cache of the user', () => {
  expect(cacheFolder({ XDG_CACHE_HOME: '/c' })).toBe(path.join('/c', 'contrastive', 'tensorflow'));
  expect(cacheFolder({})).toMatch(/\.cache.contrastive.tensorflow$/);
  expect(path.basename(buildFolder('cpu', {}))).toBe(`${TENSORFLOW_VERSION}-cpu-${process.platform}-${process.arch}`);
});
