// What it costs to train in two processes on this machine, and what that predicts for more; writes a Markdown page.
//   pnpm bench:parallel [--rounds 5] [--width 0.25] [--batch 32] [--bandwidth GBIT --latency MICROSECONDS] [--out FILE]
// Both processes time the same steps with and without the exchange, in turns, so that other load meets both alike. --batch is that of one
// worker. --bandwidth and --latency predict for another network than the measured one.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
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
    out: { type: 'string', default: script('../../../docs/data-parallel-cost.md') },
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

function table(name: string, link: Link): string[] {
  const rows = [2, 8, 64, 512].map((workers) => {
    const { exchangeMs, stepMs, efficiency } = predict(costs, link, workers);
    return row(workers, ms(exchangeMs), ms(stepMs), `${(100 * efficiency).toFixed(0)} %`);
  });
  const figures = `α = ${link.latencyMs.toFixed(3)} ms, β = ${((link.bytesPerMs * 8) / 1e6).toFixed(1)} Gbit/s`;
  return [
    `With ${name} (${figures}):`,
    '',
    row('workers', 'exchange, ms', 'step, ms', 'efficiency'),
    '|--:|--:|--:|--:|',
    ...rows,
    '',
  ];
}

const costs = await measure();
const measured = linkOf(costs);
const link: Link = {
  latencyMs: flags.latency === undefined ? measured.latencyMs : Number(flags.latency) / 1000,
  bytesPerMs: flags.bandwidth === undefined ? measured.bytesPerMs : (Number(flags.bandwidth) * 1e9) / 8 / 1000,
};
const { aloneMs, localMs, synchronisedMs, bucketMs, bucketBytes, smallMs, gatherBytes, wire } = costs;
// What of the bucket's own time a step does not pay for, since it runs while something else is computed.
const overlap = Math.min(1, Math.max(0, 1 - Math.max(0, localMs - aloneMs) / bucketMs));
const page = [
  '# What several processes cost',
  '',
  'Written by `pnpm bench:parallel`. How it works: [data parallel](data-parallel.md).',
  '',
  `Machine: ${cpus()[0]!.model}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}, load ${loadavg()[0]!.toFixed(1)}.`,
  '',
  '## Measured',
  '',
  `SimCLR, ResNet-18 × ${flags.width}, 32 px, ${flags.batch} images a worker, two processes of one thread on the loopback interface; medians of`,
  `${flags.rounds} rounds, in turns. Sent is what both put on the interface, headers included.`,
  '',
  row('', 'ms', 'MB sent'),
  '|---|--:|--:|',
  row('step without exchange', ms(aloneMs), mb(wire.aloneMs)),
  row('step, local batch norm', ms(localMs), mb(wire.localMs)),
  row('step, synchronised batch norm', ms(synchronisedMs), mb(wire.synchronisedMs)),
  row(`all-reduce of the bucket by itself (B = ${mb(bucketBytes)} MB)`, ms(bucketMs), mb(wire.bucketMs)),
  row('all-reduce of one number by itself', smallMs.toFixed(2), mb(wire.smallMs)),
  '',
  `A worker adds b = ${mb(gatherBytes)} MB of rows to what is gathered. A ring of two sends 2 B for a bucket: ${mb(2 * bucketBytes)} MB. Of the bucket's own time`,
  `${(100 * overlap).toFixed(0)} % is hidden: the exchange makes the step ${ms(localMs - aloneMs)} ms longer. (The bucket needs all gradients, so there is little to hide it behind.)`,
  '',
  '## Predicted, not measured',
  '',
  'A ring of n workers with a latency of α and a bandwidth of β to each neighbour, and a fixed batch per worker:',
  '',
  '```',
  'all-reduce(B) = 2 (n − 1) α + 2 (n − 1)/n · B/β        gradients and running statistics',
  'gather(b)     = (n − 1) α + (n − 1) b/β                embeddings of in-batch hosts',
  'backward      = all-reduce(n b)                        their gradient',
  'step(n)       = step(1) + all-reduce(B) + gather(b) + backward,   efficiency = step(1)/step(n)',
  '```',
  '',
  'Nothing overlaps, batch norm is local, and stragglers and congestion are left out. Hosts with a queue gather keys without a gradient; hosts',
  'without negatives gather nothing. Synchronised batch norm adds two gathers and two all-reduces of twice its channels for each layer and pass.',
  '',
  ...table('the measured loopback and runtime', measured),
  ...table('an assumed network, without what TensorFlow’s runtime adds to a message', {
    latencyMs: 0.05,
    bytesPerMs: 25e9 / 8 / 1000,
  }),
  ...(flags.bandwidth === undefined ? [] : table('the given network', link)),
];
writeFileSync(flags.out, page.join('\n'));
