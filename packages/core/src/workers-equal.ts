import type * as tf from '@tensorflow/tfjs-core';
import type { Collective } from './collective.js';
import { SslError } from './errors.js';
import { hostTensor } from './host-tensor.js';
import type { Program } from './runtime.js';
import { readVariables } from './snapshot.js';

/**
 * Checks that all workers hold the same variables, bit by bit, and the same configuration: one exchange of a checksum for each.
 *
 * @param record configuration of the run, as JSON.
 * @throws SslError `WORKERS_DIFFER`, with the names of what differs and the ranks that differ from rank 0.
 */
export async function checkWorkersEqual(
  program: Program,
  collective: Collective,
  variables: Readonly<Record<string, tf.Variable>>,
  record: object,
): Promise<void> {
  const values = await readVariables(variables);
  const text = new TextEncoder().encode(JSON.stringify(record));
  const sums = [checksum(text), ...Object.values(values).map(({ data }) => checksum(bytesOf(data)))];
  const inputs = { sums: hostTensor<tf.Rank.R2>([1, sums.length], Int32Array.from(sums)) };
  // The number of variables decides the shape, so it is compared first.
  const count = await program.prepare('count variables', ({ n }) => ({ all: collective.gather(n!) }), {
    n: hostTensor<tf.Rank.R1>([1], Int32Array.of(sums.length)),
  });
  const counts = await count.run({ n: hostTensor<tf.Rank.R1>([1], Int32Array.of(sums.length)) });
  report(['the number of variables'], counts.all!.data as Int32Array);
  const compare = await program.prepare('compare workers', ({ sums: s }) => ({ all: collective.gather(s!) }), inputs);
  const { all } = await compare.run(inputs);
  report(['the configuration', ...Object.keys(values)], all!.data as Int32Array);
}

/** @param sums [W, names], row after row. */
function report(names: readonly string[], sums: Int32Array): void {
  const differs = (rank: number, i: number) => sums[rank * names.length + i] !== sums[i];
  const ranks = Array.from({ length: sums.length / names.length }, (_, rank) => rank);
  const others = ranks.filter((rank) => names.some((_, i) => differs(rank, i)));
  if (others.length === 0) return;
  const what = names.filter((_, i) => ranks.some((rank) => differs(rank, i)));
  const more = what.length > 5 ? ` and ${what.length - 5} more` : '';
  throw new SslError(
    'WORKERS_DIFFER',
    `Workers must start equal, but ${others.length === 1 ? 'rank' : 'ranks'} ${others.join(', ')} and rank 0 differ in ${what.slice(0, 5).join(', ')}${more}.`,
    { hint: 'Give all workers the same configuration, seed and checkpoint, and the same version of the library.' },
  );
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** FNV-1a, 32 bits. */
function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 0;
}
