import { describeError } from '@contrastive/core';
import { findLibrary, type SetupProgress, setup } from '@contrastive/engine';
import { Command, Option } from 'commander';
import type { Context } from '../cli.js';
import { oneLine } from '../exit.js';

interface Flags {
  readonly variant: 'cpu' | 'cuda';
  readonly json?: boolean;
}

export function setupCommand(context: Context): Command {
  return new Command('setup')
    .description("Finds TensorFlow's library, or gets it by pip into this user's cache. Needed once per user.")
    .addOption(new Option('--variant <v>', 'build to get').choices(['cpu', 'cuda']).default('cpu'))
    .option('--json', 'print the result as JSON')
    .action(async ({ variant, json = false }: Flags) => {
      try {
        const library = findLibrary(variant) ?? (await setup({ variant, onProgress: progressTo(process.stderr) }));
        console.log(json ? JSON.stringify(library) : `TensorFlow: ${library.file} (${library.source})`);
      } catch (error) {
        // Everything works without it, only slower: say so in one line, with the remedy.
        if (json) throw error;
        console.error(`Without TensorFlow the slower wasm backend is used. ${oneLine(describeError(error))}`);
        context.exitCode = 3;
      }
    });
}

/** On a terminal a line that is written over; elsewhere one line per phase. */
function progressTo(stream: NodeJS.WriteStream): (progress: SetupProgress) => void {
  const words = {
    download: 'Downloading TensorFlow (273 MB)',
    verify: 'Checking the download',
    unpack: 'Unpacking',
    cuda: 'Installing the CUDA libraries',
  };
  let phase: SetupProgress['phase'] | undefined;
  return ({ phase: current, fraction }) => {
    const share = fraction === undefined ? '' : ` ${Math.round(100 * fraction)} %`;
    if (stream.isTTY) stream.write(`\r\x1b[K${words[current]}${share}${fraction === 1 ? '\n' : ''}`);
    else if (current !== phase) stream.write(`${words[current]}\n`);
    phase = current;
  };
}
