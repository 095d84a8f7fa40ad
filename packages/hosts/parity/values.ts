import { type HostTensor, type HostTensors, hostTensor } from '@contrastive/core';

export type Nested = number | readonly Nested[];

/** A rectangular nested list as float32 host tensor. */
export function hostValues(values: Nested): HostTensor {
  const shape: number[] = [];
  for (let part = values; typeof part !== 'number'; part = part[0]!) shape.push(part.length);
  const flat = (part: Nested): number[] => (typeof part === 'number' ? [part] : part.flatMap(flat));
  return hostTensor(shape as unknown as HostTensor['shape'], flat(values));
}

export const allValues = (values: Readonly<Record<string, Nested>>): HostTensors =>
  Object.fromEntries(Object.entries(values).map(([name, nested]) => [name, hostValues(nested)]));
