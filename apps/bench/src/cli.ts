import { SslError } from '@contrastive/core';
import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { benchCommand } from './commands/bench.js';
import { benchStepCommand } from './commands/bench-step.js';
import { doctorCommand } from './commands/doctor.js';
import { evaluateCommand } from './commands/evaluate.js';
import { pretrainCommand } from './commands/pretrain.js';
import { quickstartCommand } from './commands/quickstart.js';
import { reportCommand } from './commands/report.js';
import { setupCommand } from './commands/setup.js';
import { transferCommand } from './commands/transfer.js';
import { watchCommand } from './commands/watch.js';
import { reportError } from './exit.js';

/** What a command is given, and where it leaves its exit code, if that is not 0. */
export interface Context {
  readonly args: readonly string[];
  exitCode: number;
}

/**
 * The `contrastive` command.
 *
 * @param args what stands after the program's name. @returns the exit code.
 */
export async function main(args: readonly string[]): Promise<number> {
  const context: Context = { args, exitCode: 0 };
  const program = quiet(new Command('contrastive'))
    .description('Self-supervised pretraining of image encoders: pretrain, evaluate, compare and report.')
    .version(manifest.version);
  for (const add of [
    setupCommand,
    doctorCommand,
    pretrainCommand,
    evaluateCommand,
    transferCommand,
    benchCommand,
    reportCommand,
    watchCommand,
    quickstartCommand,
    benchStepCommand,
  ]) {
    program.addCommand(quiet(add(context)));
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error, { json: args.includes('--json') });
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') return 2; // no command was given; the help has been shown
    const usage = new SslError('USAGE', error.message.replace(/^error: /, ''), { hint: '(see contrastive --help)' });
    return reportError(usage, { json: args.includes('--json') });
  }
}

/** Leaves errors to `main`, which reports all errors the same way. */
const quiet = (command: Command): Command => command.exitOverride().configureOutput({ outputError: () => undefined });
