import { RECIPE, SIDE, smallBackbone } from '@contrastive/conformance';
import {
  type AnyHost,
  type AnyPlugin,
  adam,
  type BatchNormScope,
  type HostTensor,
  type HostTensors,
  hostInts,
  lars,
  mlp,
  type Optimizer,
  sgd,
} from '@contrastive/core';
import { ft } from '@contrastive/ft';
import { byol, densecl, MOCO_V2_PLUS, moco, mocoV3, nnclr, simclr, simsiam } from '@contrastive/hosts';
import { reco } from '@contrastive/reco';
import { regioncl } from '@contrastive/regioncl';
import { snclr } from '@contrastive/snclr';
import { wmse } from '@contrastive/wmse';

/** Images of a worker. */
export const EACH = 8;
export { RECIPE, SIDE };

/** Several workers, and the one process that must learn the same from all their images. */
export interface WorkersCase {
  readonly name: string;
  readonly host: (workers: number) => AnyHost;
  readonly plugins?: (workers: number) => readonly AnyPlugin[];
  /** Parts of the one process where they are written otherwise. Default: the same. */
  readonly alone?: {
    readonly host?: (workers: number) => AnyHost;
    readonly plugins?: (workers: number) => readonly AnyPlugin[];
  };
  readonly batchNorm?: BatchNormScope;
  readonly optimizer?: () => Optimizer;
  readonly accumulate?: number;
  /** `strided`: worker r has the images r, r + W, … of the one process's batch. Default `consecutive`. */
  readonly images?: 'consecutive' | 'strided';
}

const small = () => ({ backbone: smallBackbone(), hidden: 8, dim: 4 });
/** Rings that fill and wrap around in the course of a test. */
const ring = (workers: number) => 4 * EACH * workers;

const hosts = {
  moco: (w: number) => moco({ ...small(), queueSize: ring(w) }),
  mocoV3: () => mocoV3({ ...small(), hidden: 32, dim: 8, temperature: 1 }),
  simclr: () => simclr({ ...small(), temperature: 0.5 }),
  simsiam: () => simsiam({ ...small(), predictorHidden: 8 }),
  byol: () => byol(small()),
  densecl: (w: number) => densecl({ ...small(), queueSize: ring(w) }),
  nnclr: (w: number) => nnclr({ ...small(), predictorHidden: 8, supportSize: ring(w), temperature: 0.5 }),
} as const;

/** Heads without batch norm. */
const plainHeads = { projector: mlp(6, [{ width: 8, relu: true }, { width: 4 }]), predictor: mlp(4, [{ width: 4 }]) };

const HOST_CASES: readonly WorkersCase[] = [
  ...Object.entries(hosts).map(([name, host]) => ({ name, host })),
  { name: 'moco (v2+)', host: (w) => moco({ ...small(), ...MOCO_V2_PLUS, hidden: 8, dim: 4, queueSize: ring(w) }) },
  {
    name: 'moco (both directions, one queue, split batch norm, shuffled)',
    host: (w) =>
      moco({
        ...{ ...small(), backbone: smallBackbone({ splits: 2 }) },
        ...{ loss: 'sum', queueSize: 2 * ring(w), shuffle: true },
      }),
  },
  {
    name: 'nnclr (lightly)',
    host: (w) => nnclr({ ...small(), predictorHidden: 8, supportSize: ring(w), contrast: 'ntXent', temperature: 0.5 }),
  },
  { name: 'simclr, LARS', host: hosts.simclr, optimizer: () => lars({ learningRate: 0.1, weightDecay: 1e-4 }) },
  { name: 'mocoV3, AdamW', host: hosts.mocoV3, optimizer: () => adam({ learningRate: 1e-4, weightDecay: 0.1 }) },
  { name: 'moco, two micro-batches', host: hosts.moco, accumulate: 2 },
  {
    name: 'byol, local batch norm',
    host: () => byol({ ...small(), ...plainHeads }),
    alone: { host: (w) => byol({ ...small(), ...plainHeads, backbone: smallBackbone({ splits: w }) }) },
    batchNorm: 'local',
    images: 'strided',
  },
];

/** Shrinkage, so that whitening so few features does not divide by almost nothing: rounding would grow, in one process as well. */
const soft = { eps: 0.5 } as const;
/** As soft as the hosts above. */
const recoOf = (workers: number) => reco({ bankSize: ring(workers), studentTemperature: 0.5, teacherTemperature: 0.4 });

const METHOD_CASES: readonly WorkersCase[] = [
  ...(['moco', 'simclr'] as const).flatMap((host): readonly WorkersCase[] => [
    {
      name: `reco over ${host}`,
      host: hosts[host],
      plugins: (w) => [sameDraws(recoOf(w))],
      alone: { plugins: (w) => [partnersOfEach(recoOf(w), w)] },
    },
    { name: `ft over ${host}`, host: hosts[host], plugins: () => [ft({ positiveGranularity: 'row' })] },
    {
      name: `regioncl over ${host}`,
      host: hosts[host],
      plugins: () => [regioncl({ rectangles: 'image' })],
      alone: { plugins: () => [regioncl({ rectangles: 'image', partnerBlock: EACH })] },
    },
    {
      name: `snclr over ${host}`,
      host: hosts[host],
      plugins: (w) => [snclr({ neighbours: 3, bankSize: 2 * ring(w) })],
    },
    { name: `wmse over ${host}`, host: hosts[host], plugins: () => [wmse({ ...soft, runningStats: true })] },
  ]),
  {
    name: 'wmse over simclr, slices of each worker',
    host: hosts.simclr,
    plugins: () => [wmse({ eps: 0.1, sliceScope: 'worker', slicing: 'contiguous' })],
  },
  { name: 'snclr over byol', host: hosts.byol, plugins: (w) => [snclr({ neighbours: 3, bankSize: 2 * ring(w) })] },
];

/** Every host, forms of hosts that exchange something else, and every method over a host with a queue and one with in-batch negatives. */
export const CASES: readonly WorkersCase[] = [...HOST_CASES, ...METHOD_CASES];

/** Small enough that rounding does not grow faster than training goes on. */
export const RATE = 0.003;
export const optimizerOf = ({ optimizer }: WorkersCase): Optimizer =>
  optimizer?.() ?? sgd({ learningRate: RATE, weightDecay: 1e-4 });

type Draw = NonNullable<AnyPlugin['draw']>;

/** Draws from a stream that can be had again. */
const sameDraws = (plugin: AnyPlugin): AnyPlugin => ({
  ...plugin,
  draw: (rng, step, host) => plugin.draw!(rng.fork('again'), step, host),
});

/** The draws of all workers at once, for one process: partners stay among the images of their worker. */
function partnersOfEach(plugin: AnyPlugin, workers: number): AnyPlugin {
  const draw: Draw = (rng, step, host) => {
    const ofEach = Array.from({ length: workers }, (_, rank) => {
      const info = { ...host, batch: EACH, workers: { size: workers, rank, batchNorm: 'synchronised' as const } };
      return plugin.draw!(rng.fork('again'), step, info) as HostTensors;
    });
    const partner = ofEach.flatMap((draws, rank) =>
      Array.from((draws.partner as HostTensor).data, (i) => i + rank * EACH),
    );
    return { ...ofEach[0], partner: hostInts(partner) };
  };
  return { ...plugin, draw };
}
