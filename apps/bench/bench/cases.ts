/** One comparison: the same work by this project and by PyTorch. */
export interface Case {
  readonly group: Group;
  readonly name: string;
  readonly kind: 'gemm' | 'step' | 'extract' | 'knn' | 'start' | 'views' | 'epoch';
  readonly host?: 'simclr' | 'moco';
  readonly backbone?: string;
  readonly width?: number;
  readonly image?: number;
  readonly batch?: number;
  readonly precision?: 'f32' | 'bf16';
  readonly queue?: number;
  /** Of W-MSE, which compares any number of views; missing: the host alone. */
  readonly views?: number;
  /** Of a kNN search: bank and queries, 512 values each. Of a matrix product: the side. Of views and epochs: images. */
  readonly rows?: number;
  readonly tests?: number;
  /** Of an epoch: the data, `cifar10-mini` or JPEG files made for it, and its split. */
  readonly data?: 'cifar10-mini' | 'jpeg';
  readonly split?: 'train' | 'test';
  /** Where the images are: filled in by compare.ts. */
  readonly path?: string;
  /** Also torch.compile, which takes minutes to start. */
  readonly compile?: boolean;
  /** A step takes seconds: one a round is enough. */
  readonly slow?: boolean;
  /** What a comparison of the default rounds takes on two quiet cores, seconds. */
  readonly seconds: number;
}

/** What an epoch took. */
export interface Epoch {
  readonly seconds: number;
  /** Share of the time that the training loop waited for data. */
  readonly waitShare: number;
  /** Processor time of making the views, as a share of all; only this project's side tells. */
  readonly viewShare?: number;
  readonly peakRssMb: number;
}

/** Sections of the page. */
export const GROUPS = {
  gemm: 'Matrix products: the rate of the machine',
  step: 'Training step',
  start: 'Start-up and memory',
  views: 'Augmentation',
  epoch: 'Whole epochs',
  features: 'Features and kNN',
} as const;
export type Group = keyof typeof GROUPS;

type Net = Pick<Case, 'backbone' | 'width' | 'image'>;
const RESNET18: Net = { backbone: 'resnet18', width: 1, image: 32 };
const QUARTER: Net = { backbone: 'resnet18', width: 0.25, image: 32 };
const RESNET50: Net = { backbone: 'resnet50', width: 1, image: 224 };
const VIT: Net = { backbone: 'vitTiny', width: 1, image: 32 };

const label = ({ backbone, width, image }: Net): string => `${backbone}${width === 1 ? '' : ` × ${width}`} ${image} px`;

const gemm = (precision: 'f32' | 'bf16'): Case => ({
  ...{ group: 'gemm', name: `product of 2048 × 2048, ${precision}`, kind: 'gemm', precision, rows: 2048, seconds: 20 },
});

type Extra = Pick<Case, 'compile' | 'slow'>;
const step = (
  host: 'simclr' | 'moco',
  net: Net,
  batch: number,
  precision: 'f32' | 'bf16',
  seconds: number,
  extra: Extra = {},
): Case => ({
  ...{ group: 'step', name: `${host} ${label(net)}, ${batch} images, ${precision}`, kind: 'step' },
  ...{ host, ...net, batch, precision, seconds, ...extra },
});

const start = (net: Net, batch: number, precision: 'f32' | 'bf16', seconds: number): Case => ({
  ...{ group: 'start', name: `simclr ${label(net)}, ${batch} images, ${precision}`, kind: 'start' },
  ...{ host: 'simclr', ...net, batch, precision, seconds },
});

const extract = (net: Net, batch: number): Case => ({
  ...{ group: 'features', name: `features ${label(net)}, ${batch} images`, kind: 'extract' },
  ...{ ...net, batch, precision: 'f32', seconds: 15 },
});

type Data = Pick<Case, 'data' | 'split' | 'rows'>;
const epoch = (net: Net, batch: number, data: Data, seconds: number): Case => ({
  ...{ group: 'epoch', name: `simclr ${label(net)}, ${data.rows} images, batches of ${batch}`, kind: 'epoch' },
  ...{ host: 'simclr', ...net, batch, precision: 'f32', ...data, seconds },
});
const TRAIN: Data = { data: 'cifar10-mini', split: 'train', rows: 5000 };
const TEST: Data = { data: 'cifar10-mini', split: 'test', rows: 1000 };
const PHOTOS: Data = { data: 'jpeg', rows: 256 };

/** Within a group small ones first, so that a run that is stopped has said something. */
export const CASES: readonly Case[] = [
  gemm('f32'),
  gemm('bf16'),
  step('simclr', QUARTER, 16, 'f32', 80, { compile: true }),
  step('simclr', QUARTER, 64, 'f32', 15),
  step('moco', QUARTER, 64, 'f32', 15),
  step('simclr', QUARTER, 256, 'f32', 25),
  step('simclr', VIT, 32, 'f32', 30),
  step('simclr', VIT, 32, 'bf16', 30),
  step('simclr', RESNET18, 16, 'f32', 20),
  step('simclr', RESNET18, 64, 'f32', 130, { compile: true }),
  step('simclr', RESNET18, 64, 'bf16', 130, { compile: true }),
  step('moco', RESNET18, 64, 'f32', 35),
  step('moco', RESNET18, 64, 'bf16', 35),
  step('simclr', RESNET18, 256, 'f32', 60, { slow: true }),
  step('simclr', RESNET18, 256, 'bf16', 60, { slow: true }),
  step('simclr', RESNET50, 8, 'f32', 60, { slow: true }),
  step('simclr', RESNET50, 8, 'bf16', 60, { slow: true }),
  start(QUARTER, 16, 'f32', 25),
  start(RESNET18, 64, 'f32', 40),
  start(RESNET18, 64, 'bf16', 40),
  {
    ...{ group: 'views', name: '32 px: crop, flip, jitter, gray of 32 px', kind: 'views' },
    ...{ image: 32, rows: 2048, seconds: 25 },
  },
  {
    ...{ group: 'views', name: '224 px: the same and blur, of JPEG files of 500 × 375', kind: 'views' },
    ...{ image: 224, rows: 128, seconds: 25 },
  },
  epoch(QUARTER, 128, TRAIN, 90),
  epoch(RESNET18, 64, TEST, 110),
  epoch({ ...QUARTER, image: 224 }, 32, PHOTOS, 100),
  extract(QUARTER, 256),
  extract(RESNET18, 128),
  {
    ...{ group: 'features', name: 'kNN, 10,000 rows of 512, 2,000 queries', kind: 'knn' },
    ...{ rows: 10_000, tests: 2_000, seconds: 15 },
  },
];
