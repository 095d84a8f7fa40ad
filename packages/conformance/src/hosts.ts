import type { AnyHost } from '@contrastive/core';
import { byol, densecl, MOCO_V2_PLUS, moco, mocoV3, nnclr, simclr, simsiam } from '@contrastive/hosts';
import { smallBackbone } from './backbone.js';

/** A host as every method is tried on it: small, with a queue of a few batches where it has one. */
export interface HostCase {
  /** Unique, for tables and test names. */
  readonly name: string;
  readonly make: () => AnyHost;
}

const widths = { hidden: 8, dim: 4 } as const;
const queueSize = 32;

/** Every host, and the forms of MoCo that differ in the number of directions and queues. */
export const HOSTS: readonly HostCase[] = [
  { name: 'moco', make: () => moco({ backbone: smallBackbone(), ...widths, queueSize }) },
  { name: 'moco (symmetric)', make: () => moco({ backbone: smallBackbone(), ...widths, queueSize, loss: 'mean' }) },
  { name: 'moco (v2+)', make: () => moco({ backbone: smallBackbone(), ...MOCO_V2_PLUS, ...widths, queueSize }) },
  { name: 'mocoV3', make: () => mocoV3({ backbone: smallBackbone(), ...widths }) },
  { name: 'simclr', make: () => simclr({ backbone: smallBackbone(), ...widths }) },
  { name: 'simsiam', make: () => simsiam({ backbone: smallBackbone(), ...widths, predictorHidden: 8 }) },
  { name: 'byol', make: () => byol({ backbone: smallBackbone(), ...widths }) },
  { name: 'densecl', make: () => densecl({ backbone: smallBackbone(), ...widths, queueSize }) },
  {
    name: 'nnclr',
    make: () => nnclr({ backbone: smallBackbone(), ...widths, predictorHidden: 8, supportSize: queueSize }),
  },
];
