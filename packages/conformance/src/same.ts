import type { HostTensor, HostTensors } from '@contrastive/core';

/** Throws unless `actual` has the tensors of `expected`, bit for bit (NaN equals NaN); it may have more. */
export function requireSame(what: string, actual: HostTensors, expected: HostTensors): void {
  for (const [name, tensor] of Object.entries(expected)) {
    const other = actual[name];
    if (other === undefined) throw new Error(`${what}: ${name} is missing.`);
    const at = firstDifference(other, tensor);
    if (at === undefined) continue;
    const values =
      at < 0 ? `shapes [${other.shape}] and [${tensor.shape}]` : `${other.data[at]} and ${tensor.data[at]}`;
    throw new Error(`${what}: ${name} differs (${values}).`);
  }
}

/** Index of the first value that differs; −1 for another shape. */
function firstDifference(a: HostTensor, b: HostTensor): number | undefined {
  if (a.dtype !== b.dtype || String(a.shape) !== String(b.shape)) return -1;
  for (let i = 0; i < a.data.length; i++) if (!Object.is(a.data[i], b.data[i])) return i;
  return undefined;
}

/** Throws unless max|a − e| ≤ rel · max|e| + abs for every tensor. */
export function requireClose(
  what: string,
  actual: HostTensors,
  expected: HostTensors,
  { rel, abs }: { readonly rel: number; readonly abs: number },
): void {
  for (const [name, tensor] of Object.entries(expected)) {
    const data = Array.from(tensor.data);
    const others = actual[name]?.data ?? [];
    if (others.length !== data.length) throw new Error(`${what}: ${name} is missing or has another size.`);
    const size = data.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
    const difference = data.reduce((max, v, i) => Math.max(max, Math.abs(v - others[i]!)), 0);
    if (difference <= rel * size + abs) continue; // false for NaN
    throw new Error(
      `${what}: ${name} differs by ${difference.toExponential(2)} (largest value ${size.toPrecision(3)}).`,
    );
  }
}
