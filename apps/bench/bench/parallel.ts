// What it costs to train in two processes on this machine, and what that predicts for more; prints a Markdown section.
//   pnpm bench:parallel [--rounds 5] [--width 0.25] [--batch 32] [--bandwidth GBIT --latency MICROSECONDS]
// Both processes time the same steps with and without the exchange, in turns, so that other load meets both alike. --batch is that of one
// worker. --bandwidth and --latency predict for another network than the measured one.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { freePorts } from '../src/workers/ports.js';
import { script } from './measure.js';
import type { ParallelCase, ParallelCosts } from './parallel-worker.js';
import { type Link, linkOf, predict } from './scaling-model.js';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    width: { type: 'string', default: '0.25' },
    batch: { type: 'string', default: '32' },
    bandwidth: { type: 'string' },
    latency: { type: 'string' },
  },
});

/** Runs both workers. @returns what rank 0 measured. */
async function measure(): Promise<ParallelCosts> {
  const worker = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
  const given = JSON.stringify({
    rounds: Number(flags.rounds),
    width: Number(flags.width),
    batch: Number(flags.batch),
  } satisfies ParallelCase);
  const outputs = worker.map((_, index) => {
    const TF_CONFIG = JSON.stringify({ cluster: { worker }, task: { type: 'worker', index } });
    const env = { ...process.env, TF_CONFIG, TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };
    const child = spawn(process.execPath, [...process.execArgv, script('parallel-worker.ts'), given], {
      ...{ env, stdio: ['ignore', 'pipe', 'inherit'] as const },
    });
    let text = '';
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    return new Promise<string>((resolve, reject) => {
      child.on('close', (code) =>
        code === 0 ? resolve(text) : reject(new Error(`worker ${index}: exit code ${code}`)),
      );
    });
  });
  const [first] = await Promise.all(outputs);
  return JSON.parse(first!) as ParallelCosts;
}

const row = (...cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
const ms = (value: number) => value.toFixed(1);
const mb = (bytes: number) => (bytes / 1e6).toFixed(2);

function predictions(costs: ParallelCosts, link: Link): string[] {
  return [2, 8, 64, 512].map((workers) => {
    const { exchangeMs, stepMs, efficiency } = predict(costs, link, workers);
    return row(workers, ms(exchangeMs), ms(stepMs), `${(100 * efficiency).toFixed(0)} %`);
  });
}

const costs = await measure();
const measured = linkOf(costs);
const link: Link = {
  latencyMs: flags.latency === undefined ? measured.latencyMs : Number(flags.latency) / 1000,
  bytesPerMs: flags.bandwidth === undefined ? measured.bytesPerMs : (Number(flags.bandwidth) * 1e9) / 8 / 1000,
};
const { aloneMs, localMs, synchronisedMs, bucketMs, bucketBytes, smallMs } = costs;
// What of the bucket's own time a step does not pay for, since it runs while something else is computed.
const overlap = Math.max(0, 1 - Math.max(0, localMs - aloneMs) / bucketMs);
console.log(
  [
    `SimCLR, ResNet-18 × ${flags.width}, ${flags.batch} images a worker, one thread each, 2 processes on loopback, medians of ${flags.rounds} rounds:`,
    '',
    row('measured', 'figure'),
    '|---|--:|',
    row('step without exchange, ms', ms(aloneMs)),
    row('step, local batch norm, ms', ms(localMs)),
    row('step, synchronised batch norm, ms', ms(synchronisedMs)),
    row(`all-reduce of the bucket by itself, ms (${mb(bucketBytes)} MB)`, ms(bucketMs)),
    row('all-reduce of one number by itself, ms', smallMs.toFixed(2)),
    row('gathered rows of one worker, MB', mb(costs.gatherBytes)),
    row('share of the all-reduce hidden behind the step', `${(100 * overlap).toFixed(0)} %`),
    '',
    `Prediction, not measured, for a link of ${link.latencyMs.toFixed(3)} ms and ${((link.bytesPerMs * 8) / 1e6).toFixed(1)} Gbit/s:`,
    '',
    row('workers', 'exchange, ms', 'step, ms', 'efficiency'),
    '|--:|--:|--:|--:|',
    ...predictions(costs, link),
  ].join('\n'),
);
