// Type-checks the TypeScript examples of all READMEs of packages, each as if it lay beside its README.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const examples = new Map();
for (const name of readdirSync(join(root, 'packages'))) {
  const readme = join(root, 'packages', name, 'README.md');
  if (!existsSync(readme)) continue;
  const text = readFileSync(readme, 'utf8');
  for (const [i, match] of [...text.matchAll(/^```ts\n(.*?)^```$/gms)].entries()) {
    examples.set(join(dirname(readme), `README.example-${i + 1}.ts`), `${match[1]}\nexport {};\n`);
  }
}

const { config } = ts.readConfigFile(join(root, 'tooling', 'tsconfig.json'), ts.sys.readFile);
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
const host = ts.createCompilerHost({ ...options, types: ['node'] });
const { fileExists, readFile, getSourceFile } = host;
host.fileExists = (path) => examples.has(path) || fileExists(path);
host.readFile = (path) => examples.get(path) ?? readFile(path);
host.getSourceFile = (path, ...rest) =>
  examples.has(path) ? ts.createSourceFile(path, examples.get(path), rest[0], true) : getSourceFile(path, ...rest);

const program = ts.createProgram([...examples.keys()], { ...options, types: ['node'] }, host);
const found = [...examples.keys()].flatMap((path) => {
  const file = program.getSourceFile(path);
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
});
if (found.length > 0) console.error(ts.formatDiagnostics(found, { ...host, getCurrentDirectory: () => root }));
process.exitCode = found.length === 0 ? 0 : 1;
