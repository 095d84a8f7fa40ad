// Compiles assembly/kernel.ts and writes it, as base64, into src/kernel/kernel.generated.ts.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The text of src/kernel/kernel.generated.ts for the current assembly/kernel.ts. */
export async function generate(): Promise<string> {
  let binary: Uint8Array | undefined;
  const files: Record<string, string> = { 'kernel.ts': await readFile(`${root}assembly/kernel.ts`, 'utf8') };
  const { error, stderr } = await asc.main(
    ['kernel.ts', '--outFile', 'kernel.wasm', '-O3', '--noAssert', '--enable', 'simd', '--runtime', 'stub'],
    {
      readFile: (name) => files[name] ?? null,
      writeFile: (name, data) => {
        if (name === 'kernel.wasm') binary = data as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || binary === undefined) throw new Error(`${error?.message}\n${stderr}`);
  const base64 = Buffer.from(binary).toString('base64');
  return `// Made from assembly/kernel.ts by scripts/build-wasm.ts; do not edit.\n\n/** The SIMD kernel's WebAssembly module (${binary.length} bytes). */\nexport const KERNEL_BASE64 =\n  '${base64}';\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(`${root}src/kernel/kernel.generated.ts`, await generate());
}
