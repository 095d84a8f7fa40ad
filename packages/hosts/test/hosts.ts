import type { Host, HostTensors, Module, State } from '@contrastive/core';
import { tinyBackbone } from '@contrastive/testing';
import {
  byol,
  densecl,
  MOCO_CIFAR_DEMO,
  MOCO_V1,
  MOCO_V2_PLUS,
  moco,
  mocoV3,
  nnclr,
  simclr,
  simsiam,
} from '../src/index.js';

export type AnyHost = Host<HostTensors, State>;
interface Given {
  readonly dim?: number;
  readonly projector?: Module;
  readonly predictor?: Module;
}

/** Every form of every host, small. A predictor is only taken by hosts that have one. */
export const HOSTS: Readonly<Record<string, (given?: Given) => AnyHost>> = {
  'moco v1': ({ predictor: _, ...o } = {}) => moco({ ...small, ...MOCO_V1, queueSize: 16, ...o }),
  'moco v2': ({ predictor: _, ...o } = {}) => moco({ ...small, queueSize: 16, ...o }),
  'moco v2+': ({ predictor: _, ...o } = {}) => moco({ ...MOCO_V2_PLUS, ...small, hidden: 8, queueSize: 16, ...o }),
  'moco of the CIFAR demo': ({ predictor: _, ...o } = {}) =>
    moco({ ...MOCO_CIFAR_DEMO, ...small, queueSize: 16, ...o }),
  'moco with one queue for both views': ({ predictor: _, ...o } = {}) =>
    moco({ ...small, queueSize: 16, loss: 'sum', ...o }),
  'moco v3': (o) => mocoV3({ ...small, hidden: 8, ...o }),
  'moco v3 with heads for a ViT': (o) => mocoV3({ ...small, hidden: 8, heads: 'vit', ...o }),
  simclr: ({ predictor: _, ...o } = {}) => simclr({ ...small, hidden: 8, temperature: 0.5, ...o }),
  simsiam: (o) => simsiam({ ...small, hidden: 8, predictorHidden: 4, ...o }),
  byol: (o) => byol({ ...small, hidden: 8, ...o }),
  densecl: ({ predictor: _, ...o } = {}) => densecl({ ...small, hidden: 8, queueSize: 16, ...o }),
  nnclr: (o) => nnclr({ ...small, ...wide, supportSize: 16, ...o }),
  'nnclr of lightly': (o) => nnclr({ ...small, ...wide, supportSize: 16, contrast: 'ntXent', temperature: 0.5, ...o }),
};

const small = { backbone: tinyBackbone(), dim: 4 };
const wide = { hidden: 8, predictorHidden: 8 };
