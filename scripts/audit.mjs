// Known vulnerabilities of what the packages depend on at run time, by the lockfile. Fails on high and critical ones; a registry that
// has no audit endpoint, or no network, is reported and does not fail.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const manifest = new URL('../package.json', import.meta.url);
const { packageManager } = JSON.parse(readFileSync(manifest, 'utf8'));
const args = ['--yes', packageManager, 'audit', '--prod', '--audit-level', 'high'];
const { status, stdout, stderr } = spawnSync('npx', args, { encoding: 'utf8', timeout: 120_000 });
const text = `${stdout}${stderr}`.trim();
const unanswered =
  status === null || /ERR_PNPM_AUDIT_(BAD_RESPONSE|ENDPOINT)|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT/.test(text);
console.log(text);
if (unanswered) console.log('The registry could not be asked for known vulnerabilities; nothing was checked.');
process.exitCode = unanswered ? 0 : status;
