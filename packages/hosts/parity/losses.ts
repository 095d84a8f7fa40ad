import { type Host, type HostTensors, Rng, type State, scoreTerms } from '@contrastive/core';
import { type ParityKinds, tinyBackbone } from '@contrastive/testing';
import * as tf from '@tensorflow/tfjs-core';
import { byol, embeddingStd, mocoV3, nearestRows, nnclr, simsiam } from '../src/index.js';
import { type FedViews, feed } from '../test/feed.js';
import { allValues, hostValues, type Nested } from './values.js';

type Rows = Readonly<Record<string, tf.Tensor2D>>;
type AnyHost = Host<HostTensors, State>;
const backbone = tinyBackbone();
/** Columns of the given rows. */
const dimOf = (inputs: unknown): number =>
  (Object.values(inputs as object)[0] as readonly (readonly number[])[])[0]!.length;

/** Loss of a host whose outputs are fed by hand, its gradient by the given rows, and the first comparison's mean loss. */
function scored(host: AnyHost, rows: Rows, by: readonly string[], views: (rows: Rows) => Parameters<typeof feed>[0]) {
  const scores = (given: Rows) => scoreTerms(host.terms(feed(views(given))));
  const { value, grads } = tf.valueAndGrads((...xs: tf.Tensor[]) => {
    const moved = Object.fromEntries(by.map((name, i) => [name, xs[i] as tf.Tensor2D]));
    return scores({ ...rows, ...moved }).total;
  })(by.map((name) => rows[name]!));
  const { losses, comparison } = scores(rows).scored[0]!.comparisons[0]!;
  const first = tf.mul(tf.mean(losses), comparison.share);
  const gradient = (name: string) => [`grad${name[0]!.toUpperCase()}${name.slice(1)}`, grads[by.indexOf(name)]!];
  return { loss: value, first, ...(Object.fromEntries(by.map(gradient)) as Record<string, tf.Tensor>) };
}

const pairs = (names: readonly [string, string], predictions?: readonly [string, string]) => {
  const view = (rows: Rows, i: 0 | 1) => ({
    projection: rows[names[i]]!,
    ...(predictions && { prediction: rows[predictions[i]]! }),
  });
  return (rows: Rows): FedViews => ({ view1: view(rows, 0), view2: view(rows, 1) });
};

const mocoV3Loss: ParityKinds[string] = ({ inputs, params }, { run }) => {
  const host = mocoV3({ backbone, dim: dimOf(inputs), temperature: (params as { temperature: number }).temperature });
  const [online, target] = [pairs(['q1', 'q2']), pairs(['k1', 'k2'])];
  return run(
    (given) => {
      const { first, ...rest } = scored(host, given as Rows, ['q1', 'q2'], (rows) => ({
        online: online(rows),
        target: target(rows),
      }));
      return { ...rest, lossQ1K2: first };
    },
    allValues(inputs as Record<string, Nested>),
  );
};

const simsiamLoss: ParityKinds[string] = ({ inputs }, { run }) => {
  const host = simsiam({ backbone, dim: dimOf(inputs) });
  const online = pairs(['z1', 'z2'], ['p1', 'p2']);
  return run(
    (given) => {
      const io = feed({ online: online(given as Rows) });
      const { first: _, ...rest } = scored(host, given as Rows, ['p1', 'p2'], (rows) => ({ online: online(rows) }));
      return { ...rest, stdZ1: embeddingStd(io.target.view('view1').embedding) };
    },
    allValues(inputs as Record<string, Nested>),
  );
};

const byolLoss: ParityKinds[string] = ({ inputs }, { run }) => {
  const host = byol({ backbone, dim: dimOf(inputs) });
  const [online, target] = [pairs(['p1', 'p2']), pairs(['targetZ1', 'targetZ2'])];
  return run(
    (given) => {
      const { first, ...rest } = scored(host, given as Rows, ['p1', 'p2'], (rows) => ({
        online: online(rows),
        target: target(rows),
      }));
      return { ...rest, lossP1Z2: first };
    },
    allValues(inputs as Record<string, Nested>),
  );
};

interface NnclrNames {
  readonly support: string;
  readonly projections: readonly [string, string];
  readonly predictions: readonly [string, string];
}
/** One step of NNCLR, from the look-up to the write into the support set. */
const nnclrStep =
  (contrast: 'rows' | 'ntXent', { support, projections, predictions }: NnclrNames): ParityKinds[string] =>
  async ({ inputs, params }, { run }) => {
    const { temperature, pointerBefore = 0 } = params as { temperature: number; pointerBefore?: number };
    const { [support]: stored, ...rows } = inputs as Record<string, Nested>;
    const supportRows = hostValues(stored!);
    const [size, dim] = supportRows.shape as unknown as [number, number];
    const host = nnclr({ backbone, dim, temperature, supportSize: size, contrast });
    const batch = (rows[projections[0]] as readonly Nested[]).length;
    const state = host.init!(host.info({ batch, side: 8 }), Rng.create(0));
    state.support!.assign(tf.tensor(supportRows.data, [size, dim]));
    state['support/pointer']!.assign(tf.scalar(pointerBefore, 'int32'));
    const online = pairs(projections, predictions);
    const outputs = await run(
      (given) => {
        const { first: _, ...rest } = scored(host, given as Rows, predictions, (moved) => ({
          online: online(moved),
          state,
        }));
        const rowsNow = state.support as unknown as tf.Tensor2D;
        const [nn1, nn2] = projections.map((name) => nearestRows(given[name] as tf.Tensor2D, rowsNow));
        const [nnOfZ0, nnOfZ1] = [tf.gather(rowsNow, nn1!), tf.gather(rowsNow, nn2!)];
        host.commit!(feed({ online: online(given as Rows), state }));
        return { ...rest, nn1: nn1!, nn2: nn2!, nnOfZ0, nnOfZ1 };
      },
      allValues(rows),
      state,
    );
    const after = { [`${support}After`]: state.support!, pointerAfter: state['support/pointer']! };
    return { ...outputs, ...after };
  };

export const kinds: ParityKinds = {
  'hosts/mocov3': mocoV3Loss,
  'hosts/simsiam': simsiamLoss,
  'hosts/byol': byolLoss,
  'hosts/nnclr': nnclrStep('rows', { support: 'queue', projections: ['z1', 'z2'], predictions: ['p1', 'p2'] }),
  'hosts/nnclr_lightly': nnclrStep('ntXent', {
    support: 'bank',
    projections: ['z0', 'z1'],
    predictions: ['p0', 'p1'],
  }),
};
