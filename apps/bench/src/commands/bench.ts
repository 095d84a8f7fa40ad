import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SslError } from '@contrastive/core';
import { Command } from 'commander';
import type { Context } from '../cli.js';
import { cellsOf } from '../grid/cells.js';
import { terminalText, writeResults } from '../grid/outputs.js';
import { runGrid, titleOf } from '../grid/run-grid.js';
import { type Grid, readGrid } from '../grid/schema.js';
import { resultsOf } from '../grid/tables.js';
import { createInterrupt } from '../interrupt.js';
import { GRIDS } from '../locations.js';
import { createProgress } from '../progress.js';
import { labelled } from '../table.js';
import { list, number } from './pretrain.js';

interface Flags {
  readonly out?: string;
  readonly data?: string;
  readonly seeds?: readonly string[];
  readonly epochs?: number;
  readonly hours?: number;
  readonly threads?: number;
  readonly list?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function benchCommand(context: Context): Command {
  return new Command('bench')
    .description('Compares hosts and methods over data sets, backbones and seeds; goes on where it was stopped.')
    .argument('[grid]', 'YAML file, or the name of a grid that comes with the program (see --list)')
    .option('--list', 'list the grids that come with the program')
    .option('--out <dir>', "folder of runs and results; default: bench/ and the grid's name")
    .option('--data <path>', "images, in place of the grid's")
    .option('--seeds <numbers>', "separated by commas, in place of the grid's", list)
    .option('--epochs <n>', "of pretraining, in place of the grid's", number)
    .option('--hours <n>', 'time budget of this call', number)
    .option('--threads <n>', 'threads of the tensor library', number)
    .option('--dry-run', 'only list the runs')
    .option('--json', 'print the results as JSON')
    .action(async (name: string | undefined, flags: Flags) => {
      context.exitCode = await run(name, flags);
    });
}

async function run(name: string | undefined, flags: Flags): Promise<number> {
  if (flags.list) {
    console.log(labelled(gridNames().map((grid) => [grid, firstSentence(readGrid(pathOf(grid)).about)])));
    return 0;
  }
  if (name === undefined) {
    throw new SslError('USAGE', 'No grid was named.', {
      hint: `Give a YAML file, or one of ${gridNames().join(', ')}.`,
    });
  }
  const grid = withFlags(readGrid(pathOf(name)), flags);
  if (flags.dryRun) {
    for (const cell of cellsOf(grid)) console.log(`${titleOf(cell)}  ${cell.id}`);
    return 0;
  }
  return runAndWrite(grid, flags.out ?? join('bench', grid.name), flags.json ?? false);
}

async function runAndWrite(grid: Grid, out: string, json: boolean): Promise<number> {
  const output = createProgress(process.stderr);
  const interrupt = createInterrupt();
  interrupt.arm();
  try {
    const { signal } = interrupt;
    const onCell = (records: Parameters<typeof resultsOf>[1]) => writeResults(out, resultsOf(grid, records));
    const records = await runGrid({ grid, out, output, signal, onCell });
    output.end();
    const results = resultsOf(grid, records);
    console.log(json ? JSON.stringify(results) : terminalText(results));
    output.message(`Results: ${join(out, 'results.html')}, .md, .csv and .json`);
    const waiting = records.filter((r) => r.status === 'pending').length;
    if (waiting > 0) output.message(`${waiting} runs are left: the same command goes on.`);
    return interrupt.exitCode() || (records.some((r) => r.status === 'failed') ? 1 : 0);
  } finally {
    interrupt.dispose();
    output.end();
  }
}

function withFlags(grid: Grid, { data, seeds, epochs, hours, threads }: Flags): Grid {
  const given = { ...(epochs === undefined ? {} : { epochs }), ...(threads === undefined ? {} : { threads }) };
  return {
    ...grid,
    ...(data === undefined ? {} : { data: [data] }),
    ...(seeds === undefined ? {} : { seeds: seeds.map(number) }),
    ...(hours === undefined ? {} : { budget: { ...grid.budget, hours } }),
    settings: { ...grid.settings, ...given },
  };
}

/** Names of the grids that come with the program: `quick`, `paper/reco`, … */
const gridNames = (): string[] =>
  readdirSync(GRIDS, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.replaceAll('\\', '/').replace(/\.yaml$/, ''))
    .sort();

/** A file, or a grid of ours. @throws SslError `USAGE`. */
function pathOf(name: string): string {
  if (existsSync(name)) return name;
  if (gridNames().includes(name)) return join(GRIDS, `${name}.yaml`);
  throw new SslError('USAGE', `${name} is neither a file nor a grid of this program.`, {
    hint: `There are ${gridNames().join(', ')}.`,
  });
}

const firstSentence = (text: string): string => text.replaceAll('\n', ' ').trim();
