import { existsSync } from 'node:fs';
import { SslError } from '@contrastive/core';
import { startWatch, WATCH_DEFAULTS } from '@contrastive/report';
import { Command } from 'commander';
import type { Context } from '../cli.js';
import { createInterrupt } from '../interrupt.js';
import { number } from './pretrain.js';

interface Flags {
  readonly host: string;
  readonly port: number;
}

export function watchCommand(_context: Context): Command {
  return new Command('watch')
    .description('Serves live pages of a run, or of a folder of runs, while they train. Stop it by Ctrl-C.')
    .argument('<folder>', 'run folder, or folder of runs')
    .option(
      '--host <address>',
      'address to listen on; others than the default open the pages to the network',
      WATCH_DEFAULTS.host,
    )
    .option('--port <n>', 'port; 0 takes a free one', number, WATCH_DEFAULTS.port)
    .action(run);
}

async function run(folder: string, { host, port }: Flags): Promise<void> {
  if (!existsSync(folder)) {
    throw new SslError('IO', `${folder} does not exist.`, { hint: 'Give a run folder, or a folder of runs.' });
  }
  const server = await startWatch({ folder, host, port });
  const interrupt = createInterrupt();
  const stopped = new Promise<void>((done) => interrupt.signal.addEventListener('abort', () => done(), { once: true }));
  interrupt.arm();
  console.log(`Watching ${folder} at ${server.url}`);
  await stopped;
  interrupt.dispose();
  await server.close();
}
