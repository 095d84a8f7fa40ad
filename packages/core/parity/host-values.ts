import { type HostTensor, hostTensor } from '../src/index.js';

export type Nested = number | readonly Nested[];

/** A rectangular nested list as float32 host tensor. */
export function hostValues(values: Nested): HostTensor {
  const shape: number[] = [];
  for (let part = values; typeof part !== 'number'; part = part[0]!) shape.push(part.length);
  const flat = (part: Nested): number[] => (typeof part === 'number' ? [part] : part.flatMap(flat));
  return hostTensor(shape as unknown as HostTensor['shape'], flat(values));
}
