import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { benchStepCommand } from './commands/bench-step.js';
import { doctorCommand } from './commands/doctor.js';
import { evaluateCommand } from './commands/evaluate.js';
import { pretrainCommand } from './commands/pretrain.js';
import { quickstartCommand } from './commands/quickstart.js';
import { setupCommand } from './commands/setup.js';
import { reportError } from './exit.js';

/** Where a command leaves its exit code, if that is not 0. */
export interface Context {
  exitCode: number;
}

/**
 * The `contrastive` command.
 *
 * @param args what stands after the program's name. @returns the exit code.
 */
export async function main(args: readonly string[]): Promise<number> {
  const context: Context = { exitCode: 0 };
  const program = new Command('contrastive')
    .description('Self-supervised pretraining of image encoders: pretrain, evaluate, compare and report.')
    .version(manifest.version)
    .exitOverride()
    .showHelpAfterError('(see contrastive --help)');
  for (const add of [
    setupCommand,
    doctorCommand,
    pretrainCommand,
    evaluateCommand,
    quickstartCommand,
    benchStepCommand,
  ]) {
    const command = add(context);
    program.addCommand(command.exitOverride());
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(error, { json: args.includes('--json') });
  }
}
