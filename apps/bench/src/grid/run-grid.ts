import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Evaluation, readEvaluations } from '../evaluation/evaluation-file.js';
import { ioError, readJson, writeFileAtomic } from '../files.js';
import { duration, type ProgressOutput } from '../progress.js';
import { type Cell, cellsOf } from './cells.js';
import { type ChildLimits, type ChildResult, runChild } from './child.js';
import type { Grid } from './schema.js';

/** What is known of a cell, kept in `cells/<id>.json`. */
export interface CellRecord {
  readonly cell: Cell;
  /** `pending`: not begun, or stopped with a checkpoint. */
  readonly status: 'done' | 'failed' | 'pending';
  /** Why it failed or waits. */
  readonly reason?: string | undefined;
  readonly cost?:
    | { readonly seconds: number; readonly imagesPerSecond: number; readonly peakMemoryMb: number }
    | undefined;
  readonly evaluation?: Evaluation | undefined;
}

export interface GridOptions {
  readonly grid: Grid;
  /** Folder of all runs and results. */
  readonly out: string;
  readonly output: ProgressOutput;
  readonly signal: AbortSignal;
  /** After each cell, with all records so far: to write the tables. */
  readonly onCell: (records: readonly CellRecord[]) => void;
  /** A clock in milliseconds, for tests. */
  readonly now?: () => number;
}

/**
 * Runs the cells of a grid one after the other, each in processes of its own (`pretrain`, then `evaluate`). Cells that are done are not
 * run again; one that was stopped goes on from its checkpoint; a failed one is recorded, does not stop the rest, and is tried again by the
 * next call.
 *
 * @returns the records of all cells, in the grid's order. @throws SslError `BAD_OPTION`, `IO`.
 */
export async function runGrid(options: GridOptions): Promise<CellRecord[]> {
  const { grid, out, output, signal, onCell, now = Date.now } = options;
  const cells = cellsOf(grid);
  try {
    for (const folder of ['cells', 'runs']) mkdirSync(join(out, folder), { recursive: true });
  } catch (error) {
    throw ioError('Making the folder', out, error);
  }
  const end = grid.budget.hours === undefined ? Number.POSITIVE_INFINITY : now() + 3_600_000 * grid.budget.hours;
  const records = cells.map((cell) => readRecord(out, cell));
  for (const [i, cell] of cells.entries()) {
    const label = `[${i + 1}/${cells.length}] ${titleOf(cell)}`;
    if (records[i]!.status === 'done') {
      output.message(`${label}: already done`);
      continue;
    }
    if (signal.aborted || now() >= end) {
      records[i] = { cell, status: 'pending', reason: signal.aborted ? 'stopped' : 'the time budget was used up' };
      continue;
    }
    output.message(`${label}: begins`);
    const started = now();
    records[i] = await runCell(options, cell, label, end - now());
    writeRecord(out, records[i]!);
    const { status, reason } = records[i]!;
    output.message(
      `${label}: ${status} after ${duration((now() - started) / 1000)}${reason === undefined ? '' : ` (${reason})`}`,
    );
    onCell(records);
  }
  onCell(records);
  return records;
}

export const titleOf = ({ kind, host, methods, backbone, seed }: Cell): string =>
  `${kind === 'baseline' ? 'baselines' : methods === 'none' ? host : `${host} + ${methods}`}, ${backbone}, seed ${seed}`;

const recordPath = (out: string, { id }: Cell) => join(out, 'cells', `${id}.json`);

/** A record is only of use if the cell is to be evaluated the same way still. */
function readRecord(out: string, cell: Cell): CellRecord {
  const path = recordPath(out, cell);
  if (existsSync(path)) {
    const record = readJson(path) as CellRecord;
    if (record.status !== 'done' || JSON.stringify(record.cell.evaluation) === JSON.stringify(cell.evaluation))
      return record;
  }
  return { cell, status: 'pending', reason: 'not begun' };
}

const writeRecord = (out: string, record: CellRecord) =>
  writeFileAtomic(recordPath(out, record.cell), `${JSON.stringify(record, null, 2)}\n`);

async function runCell(
  { grid, out, output, signal, now = Date.now }: GridOptions,
  cell: Cell,
  label: string,
  millisecondsLeft: number,
): Promise<CellRecord> {
  const run = join(out, 'runs', cell.id);
  const { minutesPerRun, memoryGb } = grid.budget;
  const ofRun = minutesPerRun === undefined ? Number.POSITIVE_INFINITY : 60_000 * minutesPerRun;
  const memoryBytes = memoryGb === undefined ? Number.POSITIVE_INFINITY : memoryGb * 2 ** 30;
  const started = now();
  // Training and evaluation share the time.
  const limits = (): ChildLimits => ({
    milliseconds: Math.max(1, Math.min(ofRun, millisecondsLeft) - (now() - started)),
    memoryBytes,
  });
  const log = join(out, 'cells', `${cell.id}.log`);
  const onLine = (line: string) => output.status(`${label}: ${line}`);
  const child = (args: readonly string[]) => runChild(args, { log, limits: limits(), signal, onLine });
  const failure = (result: ChildResult): CellRecord => {
    const isBudget = result.stopped === 'time' && millisecondsLeft < ofRun;
    if (result.stopped === 'signal') return { cell, status: 'pending', reason: 'stopped' };
    if (isBudget) return { cell, status: 'pending', reason: 'the time budget was used up' };
    return { cell, status: 'failed', reason: reasonOf(result, grid) };
  };
  if (!isTrained(run)) {
    const trained = await child(pretrainArguments(out, run, cell));
    if (trained.code !== 0 || trained.stopped !== undefined) return failure(trained);
  }
  rmSync(join(run, 'evaluation.json'), { force: true });
  const evaluated = await child(['evaluate', run, ...cell.evaluation]);
  if (evaluated.code !== 0 || evaluated.stopped !== undefined) return failure(evaluated);
  return {
    cell,
    status: 'done',
    cost: costOf(run),
    evaluation: readEvaluations(join(run, 'evaluation.json')).evaluations.at(-1),
  };
}

function pretrainArguments(out: string, run: string, { id, config, preset }: Cell): string[] {
  if (existsSync(join(run, 'config.json'))) return ['pretrain', '--resume', '--out', run];
  const file = join(out, 'cells', `${id}.config.json`);
  writeFileAtomic(file, `${JSON.stringify(config, null, 2)}\n`);
  return ['pretrain', '--config', file, '--out', run, ...(preset === undefined ? [] : ['--preset', preset])];
}

const summaryOf = (run: string) => join(run, 'summary.json');

const isTrained = (run: string): boolean =>
  existsSync(summaryOf(run)) && (readJson(summaryOf(run)) as { status: string }).status === 'done';

function costOf(run: string): CellRecord['cost'] {
  const { seconds, imagesPerSecond, peakMemoryMb } = readJson(summaryOf(run)) as NonNullable<CellRecord['cost']>;
  return { seconds, imagesPerSecond, peakMemoryMb };
}

function reasonOf({ stopped, lastLine, code }: ChildResult, { budget }: Grid): string {
  if (stopped === 'time') return `it took more than ${budget.minutesPerRun} minutes`;
  if (stopped === 'memory') return `it took more than ${budget.memoryGb} GB of memory`;
  return lastLine === '' ? `it ended with exit code ${code}` : lastLine;
}
