import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const PACKAGES = ['torch', 'torchvision', 'lightly'];
const CPU_WHEELS = 'https://download.pytorch.org/whl/cpu';

export type Python = { readonly path: string } | { readonly missing: string };

/**
 * A Python with PyTorch, torchvision and lightly: the given one, or a virtual environment in the user's cache that is made once.
 *
 * @returns why there is none, where pip cannot make it.
 */
export function findPython(given: string | undefined): Python {
  if (given !== undefined) {
    return hasPackages(given) ? { path: given } : { missing: `${given} cannot import ${PACKAGES.join(', ')}` };
  }
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'contrastive', 'compare-python');
  const path = join(folder, 'bin', 'python');
  if (hasPackages(path)) return { path };
  try {
    mkdirSync(folder, { recursive: true });
    console.error(`Installing ${PACKAGES.join(', ')} into ${folder} (once).`);
    if (!existsSync(path)) execFileSync('python3', ['-m', 'venv', folder], { stdio: 'pipe' });
    install(path);
    return hasPackages(path) ? { path } : { missing: `the packages in ${folder} cannot be imported` };
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string };
    const reason = stderr?.toString().trim().split('\n').at(-1) || message;
    return { missing: `pip could not install ${PACKAGES.join(', ')}: ${reason}` };
  }
}

/** From the small index of builds without CUDA if it can be reached, else from the usual one. */
function install(python: string): void {
  const pip = (...args: string[]) =>
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', ...args], { stdio: 'pipe' });
  try {
    pip('torch', 'torchvision', '--index-url', CPU_WHEELS);
  } catch {
    pip('torch', 'torchvision');
  }
  pip('lightly');
}

function hasPackages(python: string): boolean {
  try {
    execFileSync(python, ['-c', `import ${PACKAGES.join(', ')}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
