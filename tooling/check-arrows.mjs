// Which workspace package may import which, by the package.json files and the sources.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const methods = ['reco', 'ft', 'regioncl', 'snclr', 'wmse'];
const allowed = {
  core: [],
  backbones: ['core'],
  hosts: ['core'],
  ...Object.fromEntries(methods.map((name) => [name, ['core']])),
  augment: ['core'],
  data: [],
  engine: ['core'],
  evaluate: ['core'],
  report: [],
};
// Packages that run in browsers: no Node modules, and no tensor library but the core of TensorFlow.js.
const portable = ['core', 'backbones', 'hosts', ...methods];

const problems = [];
for (const name of readdirSync(join(root, 'packages'))) {
  const path = join(root, 'packages', name, 'package.json');
  if (!existsSync(path) || allowed[name] === undefined) continue;
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  for (const dependency of dependencies) {
    const own = dependency.startsWith('@contrastive/') ? dependency.slice('@contrastive/'.length) : undefined;
    if (own !== undefined && !allowed[name].includes(own)) problems.push(`${name} must not import ${own}`);
    if (own === undefined && portable.includes(name) && dependency !== '@tensorflow/tfjs-core') {
      problems.push(`${name} must not depend on ${dependency}: it runs in browsers on tfjs-core alone`);
    }
  }
}
// A development dependency can be imported too, so the sources are read as well.
for (const name of Object.keys(allowed)) {
  const folder = join(root, 'packages', name, 'src');
  for (const file of readdirSync(folder, { recursive: true })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const text = readFileSync(join(folder, file), 'utf8');
    for (const [, own] of text.matchAll(/(?:from|import\()\s*'@contrastive\/([\w-]+)/g)) {
      if (own !== name && !allowed[name].includes(own)) problems.push(`${name} must not import ${own} (src/${file})`);
    }
  }
}
for (const problem of problems) console.error(`import arrows: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
