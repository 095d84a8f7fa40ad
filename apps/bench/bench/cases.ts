/** One comparison: the same work by this project and by PyTorch. */
export interface Case {
  readonly name: string;
  readonly kind: 'step' | 'extract' | 'knn';
  readonly host?: 'simclr' | 'moco';
  readonly backbone?: string;
  readonly width?: number;
  readonly image?: number;
  readonly batch?: number;
  readonly precision?: 'f32' | 'bf16';
  readonly queue?: number;
  /** Of a kNN search: bank and queries, 512 values each. */
  readonly rows?: number;
  readonly tests?: number;
}

type Net = Pick<Case, 'backbone' | 'width' | 'image'>;
const RESNET18: Net = { backbone: 'resnet18', width: 1, image: 32 };
const QUARTER: Net = { backbone: 'resnet18', width: 0.25, image: 32 };
const RESNET50: Net = { backbone: 'resnet50', width: 1, image: 224 };
const VIT: Net = { backbone: 'vitTiny', width: 1, image: 32 };

const label = ({ backbone, width, image }: Net): string => `${backbone}${width === 1 ? '' : ` × ${width}`} ${image} px`;

const step = (host: 'simclr' | 'moco', net: Net, batch: number, precision: 'f32' | 'bf16'): Case => ({
  name: `step ${host} ${label(net)}, ${batch} images, ${precision}`,
  kind: 'step',
  host,
  ...net,
  batch,
  precision,
});

const extract = (net: Net, batch: number): Case => ({
  name: `features ${label(net)}, ${batch} images`,
  kind: 'extract',
  ...net,
  batch,
  precision: 'f32',
});

/** Small ones first, so that a run that is stopped has said something. */
export const CASES: readonly Case[] = [
  step('simclr', QUARTER, 16, 'f32'),
  step('simclr', QUARTER, 64, 'f32'),
  step('simclr', QUARTER, 256, 'f32'),
  step('moco', QUARTER, 64, 'f32'),
  step('simclr', VIT, 32, 'f32'),
  step('simclr', RESNET18, 64, 'f32'),
  step('simclr', RESNET18, 64, 'bf16'),
  step('moco', RESNET18, 64, 'f32'),
  step('moco', RESNET18, 64, 'bf16'),
  step('simclr', RESNET18, 256, 'bf16'),
  step('simclr', RESNET50, 8, 'f32'),
  step('simclr', RESNET50, 8, 'bf16'),
  extract(QUARTER, 256),
  extract(RESNET18, 128),
  { name: 'kNN, 10,000 rows of 512, 2,000 queries', kind: 'knn', rows: 10_000, tests: 2_000 },
];
