import { doctor } from '@contrastive/engine';
import { Command } from 'commander';
import type { Context } from '../cli.js';

export function doctorCommand(_context: Context): Command {
  return new Command('doctor')
    .description('Shows what this machine offers for training, and what to do where something is missing.')
    .option('--json', 'print as JSON')
    .action(async ({ json = false }: { readonly json?: boolean }) => {
      const report = await doctor();
      console.log(json ? JSON.stringify(report, null, 2) : JSON.stringify(report, null, 2));
    });
}
