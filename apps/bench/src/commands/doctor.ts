import { type DoctorReport, doctor } from '@contrastive/engine';
import { Command } from 'commander';
import type { Context } from '../cli.js';
import { oneLine } from '../exit.js';
import { labelled } from '../table.js';

export function doctorCommand(_context: Context): Command {
  return new Command('doctor')
    .description('Shows what this machine offers for training, and what to do where something is missing.')
    .option('--json', 'print as JSON')
    .action(async ({ json = false }: { readonly json?: boolean }) => {
      const report = await doctor();
      console.log(json ? JSON.stringify(report) : doctorText(report));
    });
}

/** The report for a person: what there is, then one finding a line with what to do. */
export function doctorText(report: DoctorReport): string {
  const { node, system, cpu, memory, backend, tensorflow, pip, findings } = report;
  const gpus = tensorflow?.devices.filter(({ type }) => type === 'GPU').map(({ name }) => name) ?? [];
  const lines = labelled([
    ['Node', node],
    ['system', system],
    ['CPU', `${cpu.model}, ${cpu.cores} cores, ${features(cpu.features)}`],
    ['memory', `${gigabytes(memory.totalBytes)}, ${gigabytes(memory.freeBytes)} free`],
    ['backend', backend],
    ['TensorFlow', tensorflow === undefined ? 'none' : `${tensorflow.version}, ${tensorflow.threads} threads`],
    ['library', tensorflow === undefined ? '–' : `${tensorflow.library.file} (${tensorflow.library.source})`],
    ['GPU', gpus.length === 0 ? 'none in use' : gpus.join(', ')],
    ['pip', pip ?? 'none'],
  ]);
  const advice = findings.map(({ problem, remedy }) => `! ${oneLine(problem)} → ${oneLine(remedy)}`);
  return [lines, '', ...(advice.length === 0 ? ['Nothing is missing.'] : advice)].join('\n');
}

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

function features(flags: DoctorReport['cpu']['features']): string {
  if (flags === undefined) return 'instruction sets unknown';
  const present = Object.entries(flags).filter(([, has]) => has);
  return present.length === 0 ? 'no wide vector instructions' : present.map(([name]) => name).join(' ');
}
