import { createHash } from 'node:crypto';
import { type Part, parseConfig } from '../config.js';
import type { Baseline } from '../evaluation/evaluate-encoder.js';
import type { Grid } from './schema.js';

/** One run of a grid, and how it is evaluated. */
export interface Cell {
  /** Name of its folder: readable, and another for every configuration. */
  readonly id: string;
  /** `method` (host alone included), or `baseline`: the untrained network with the rows to compare with. */
  readonly kind: 'method' | 'baseline';
  readonly data: string;
  readonly backbone: string;
  readonly host: string;
  /** `none`, `reco`, `reco + ft`. */
  readonly methods: string;
  readonly seed: number;
  /** What `pretrain --config` reads. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly preset: string | undefined;
  /** Arguments of `evaluate` behind the run folder. */
  readonly evaluation: readonly string[];
}

/**
 * All runs of a grid, seed by seed, so that a grid that is cut short has compared every method once before it repeats.
 *
 * @throws SslError `BAD_OPTION` if a run's configuration is wrong.
 */
export function cellsOf(grid: Grid): Cell[] {
  const cells = grid.seeds.flatMap((seed, s) =>
    grid.data.flatMap((data) =>
      grid.backbone.flatMap((backbone) => [
        ...baselineCells(grid, data, backbone, seed, s === 0),
        ...grid.host.flatMap((host) =>
          grid.methods.map((methods) => methodCell(grid, data, backbone, host, methods, seed)),
        ),
      ]),
    ),
  );
  for (const { config, preset } of cells) {
    // A preset fills in the rest of its own when the run begins.
    if (preset === undefined) parseConfig(config, () => grid.name);
  }
  return cells;
}

function methodCell(
  grid: Grid,
  data: string,
  backbone: Part,
  host: Part,
  methods: readonly Part[],
  seed: number,
): Cell {
  const config = { ...grid.settings, data, host, methods, backbone, seed, evaluate: false };
  return cellOf(grid, 'method', { data, backbone, host, methods, seed, config, baselines: [] });
}

/** The network before training; the rows that need no network of the seed come once. */
function baselineCells(grid: Grid, data: string, backbone: Part, seed: number, isFirst: boolean): Cell[] {
  const { baselines } = grid;
  const wanted = baselines.filter((b) => b === 'supervised' || (b === 'pixels' && isFirst));
  if (!baselines.includes('random') && wanted.length === 0) return [];
  const host = grid.host[0]!;
  const config = { ...grid.settings, data, host, methods: [], backbone, seed, evaluate: false, epochs: 0 };
  return [cellOf(grid, 'baseline', { data, backbone, host, methods: [], seed, config, baselines: wanted })];
}

interface Chosen {
  readonly data: string;
  readonly backbone: Part;
  readonly host: Part;
  readonly methods: readonly Part[];
  readonly seed: number;
  readonly config: Record<string, unknown>;
  readonly baselines: readonly Baseline[];
}

function cellOf(grid: Grid, kind: Cell['kind'], chosen: Chosen): Cell {
  const { config, seed, baselines, data } = chosen;
  const [backbone, host] = [partText(chosen.backbone), partText(chosen.host)];
  const methods = chosen.methods.length === 0 ? 'none' : chosen.methods.map(partText).join(' + ');
  const title =
    kind === 'baseline' ? ['baseline', chosen.backbone.name] : [chosen.host.name, ...chosen.methods.map((m) => m.name)];
  const hash = createHash('sha256')
    .update(JSON.stringify([config, grid.preset]))
    .digest('hex')
    .slice(0, 8);
  const id = `${title.join('-')}-seed${seed}-${hash}`.replace(/[^\w.-]/g, '_');
  const { preset } = grid;
  return {
    id,
    kind,
    data,
    backbone,
    host,
    methods,
    seed,
    config,
    preset,
    evaluation: evaluationOf(grid, data, seed, baselines),
  };
}

function evaluationOf(grid: Grid, data: string, seed: number, baselines: readonly Baseline[]): string[] {
  const flag = (name: string, value: number | string | undefined) => (value === undefined ? [] : [name, String(value)]);
  return [
    ...['--data', data, '--protocols', grid.protocols.join(','), ...flag('--labels', grid.labels)],
    ...flag('--baselines', baselines.length === 0 ? undefined : baselines.join(',')),
    ...flag('--supervised-epochs', baselines.includes('supervised') ? grid.supervisedEpochs : undefined),
    ...flag('--train-images', grid.trainImages),
    ...flag('--test-images', grid.testImages),
    ...flag('--cache', grid.settings.cache as string | undefined),
    ...flag('--threads', grid.settings.threads as number | undefined),
    ...flag('--backend', grid.settings.backend as string | undefined),
    ...['--seed', String(seed)],
  ];
}

/** `resnet18 (width 0.25)`. */
function partText({ name, ...options }: Part): string {
  const text = Object.entries(options).map(
    ([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
  );
  return text.length === 0 ? name : `${name} (${text.join(', ')})`;
}
