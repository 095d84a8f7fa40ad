import { recipes } from '@contrastive/augment';
import { alignment, lidar, neighbourQuality, representationMetrics } from '@contrastive/evaluate';
import { evenly, subset } from './image-subset.js';
import type { ProtocolContext } from './protocols.js';
import { type Measured, numberRow } from './result.js';

/** Images that RankMe's paper advises at most; more change nothing (spec "evaluation" section 8). */
const MOST_IMAGES = 25_600;
const LIDAR = { images: 100, views: 10 };

/** All measures of spec "evaluation" section 8 on the test images (the training images, if there are none). */
export async function representation({ subject, sets }: ProtocolContext): Promise<Measured[]> {
  const all = sets.test ?? sets.train;
  const images = all.count > MOST_IMAGES ? subset(all, evenly(MOST_IMAGES, all.count)) : all;
  const features = await subject.features(images);
  const m = await representationMetrics(features);
  const n = features.rows;
  const name = `representation of ${n} images, ${features.dim} features`;
  const row = (metric: string, value: number, note?: string) => numberRow(name, metric, value, n, note);
  const hasFlat = !Number.isFinite(m.condition);
  const rows = [
    row('uniformity', m.uniformity, '0 is collapse, about −4 healthy'),
    row('feature std', m.featureStd, `0 is collapse, 1/√dim = ${(1 / Math.sqrt(features.dim)).toFixed(4)} healthy`),
    row('mean |cosine|', m.meanAbsCosine),
    row('RankMe', m.rankMe, 'compare at equal images and features only'),
    row(
      'effective rank',
      m.effectiveRank,
      hasFlat ? 'a direction has no variance: the condition is infinite' : undefined,
    ),
    row('participation ratio', m.participationRatio),
    ...(hasFlat ? [] : [row('condition', m.condition)]), // JSON has no infinity
  ];
  if (subject.encoder !== undefined) rows.push(...(await ofViews({ subject, sets }, images)));
  if (all.labels !== undefined) {
    const { k, purity, retrievalMap } = await neighbourQuality({ ...features, labels: images.labels! });
    rows.push({ ...row(`purity of ${k} neighbours`, purity), isShare: true });
    rows.push({ ...row(`retrieval mAP@${k}`, retrievalMap), isShare: true });
  }
  return rows;
}

/** Measures that compare augmented views of one image. */
async function ofViews(
  { subject }: Pick<ProtocolContext, 'subject' | 'sets'>,
  images: ProtocolContext['sets']['train'],
): Promise<Measured[]> {
  const { mean, std, side } = subject.encoder!.meta;
  const normalization = { mean, std };
  // The usual training views of that size: blur belongs to large images (spec "hosts" section 3).
  const recipe = side <= 64 ? recipes.lightlyCifar({ normalization }) : recipes.mocoV2({ normalization });
  const note = `views of ${recipe.name}`;
  const [first, second] = [await subject.augmented(images, recipe, 1), await subject.augmented(images, recipe, 2)];
  const rows = [numberRow('two augmented views', 'alignment', alignment(first, second), first.rows, note)];
  const used = Math.min(LIDAR.images, images.count);
  if (used < 2) return rows;
  const chosen = subset(images, evenly(used, images.count));
  const { dim } = first;
  const stacked = new Float32Array(used * LIDAR.views * dim);
  for (let view = 0; view < LIDAR.views; view++) {
    const { data } = await subject.augmented(chosen, recipe, view + 1);
    for (let i = 0; i < used; i++) stacked.set(data.subarray(i * dim, (i + 1) * dim), (i * LIDAR.views + view) * dim);
  }
  const value = lidar({ data: stacked, rows: used * LIDAR.views, dim }, { views: LIDAR.views });
  rows.push(numberRow(`${used} images × ${LIDAR.views} views`, 'LiDAR', value, used, note));
  return rows;
}
