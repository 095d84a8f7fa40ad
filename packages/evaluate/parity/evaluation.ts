import { adam, sgd, stepRate } from '@contrastive/core';
import type { ParityAdapter, ParityKinds } from '@contrastive/testing';
import {
  addToConfusion,
  averagePrecision,
  type Box,
  classScores,
  createConfusion,
  detectionAp,
  exponentialRate,
  type FeatureMatrix,
  fitLogistic,
  fitSvm,
  type LabelledFeatures,
  type LinearClassifier,
  linearProbabilities,
  nearest,
  normalizeForSvm,
  PROBE_RECIPES,
  type ProbeRecipe,
  plainKnn,
  precisionRecall,
  representationMetrics,
  scoreClassifier,
  segmentationScores,
  svmScores,
  trainProbe,
  weightedKnn,
} from '../src/index.js';

type Rows = readonly (readonly number[])[];

const matrix = (rows: Rows): FeatureMatrix => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  dim: rows[0]!.length,
});
const labelled = (rows: Rows, labels: readonly number[]): LabelledFeatures => ({
  ...matrix(rows),
  labels: Int32Array.from(labels),
});

interface KnnInputs {
  bank: Rows;
  bankLabels: number[];
  test: Rows;
  testLabels: number[];
}
const knnSets = ({ bank, bankLabels, test, testLabels }: KnnInputs) =>
  [labelled(bank, bankLabels), labelled(test, testLabels)] as const;

const knnPlain: ParityAdapter = async ({ inputs, params }) => {
  const { k } = params as { k: number };
  const result = await plainKnn(...knnSets(inputs as KnnInputs), { k });
  return { prediction: result.predictions, top1: result.top1.value };
};

const knnWeighted: ParityAdapter = async ({ inputs, params }) => {
  const { k, T: temperature, numClasses } = params as { k: number; T: number; numClasses: number };
  const [bank, test] = knnSets(inputs as KnnInputs);
  const [result] = await weightedKnn(bank, test, { k: [k], temperature: [temperature] });
  const neighbours = await nearest(bank, test, { k });
  const scoresRelative = Array.from({ length: test.rows }, (_, i) => {
    const scores = new Float64Array(numClasses);
    classScores(neighbours, i, bank.labels, { kind: 'exponential', k: neighbours.k, temperature }, scores);
    return [...scores];
  });
  return {
    prediction: result!.predictions,
    scoresRelative,
    top1: result!.top1.value,
    top5: result!.top5?.value ?? null,
  };
};

const knnSolo: ParityAdapter = async ({ inputs, params }) => {
  const { k, T, distance, epsilon } = params as {
    k: number;
    T: number;
    distance: 'cosine' | 'euclidean';
    epsilon: number;
  };
  const options = { k: [k], temperature: [T], metric: distance, epsilon };
  const [result] = await weightedKnn(...knnSets(inputs as KnnInputs), options);
  return { top1: result!.top1.value, top5: result!.top5?.value ?? null };
};

const chunked = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, i) =>
    Array.from({ length: width }, (_, j) => values[i * width + j]!),
  );

const logreg: ParityAdapter = async ({ inputs, params }) => {
  const { x, y, xTest, yTest } = inputs as { x: Rows; y: number[]; xTest: Rows; yTest: number[] };
  const { C, fitIntercept = true } = params as { C: number; fitIntercept?: boolean };
  const test = labelled(xTest, yTest);
  const fit = await fitLogistic(labelled(x, y), { C, fitIntercept, tolerance: 1e-9 });
  const score = await scoreClassifier(fit, test);
  return {
    objective: fit.objective,
    weights: chunked(fit.weights, fit.classes),
    intercept: fit.intercept,
    testProb: chunked(await linearProbabilities(fit, test), fit.classes),
    testPrediction: score.predictions,
    testAccuracy: score.top1.value,
  };
};

const quality: ParityAdapter = async ({ inputs, params }) => {
  const { features, positives } = inputs as { features: Rows; positives: Rows };
  const { rankEps } = params as { rankEps: number };
  const metrics = await representationMetrics(matrix(features), { positives: matrix(positives), rankEpsilon: rankEps });
  return { ...metrics, covEigenvalues: metrics.covarianceEigenvalues };
};

interface ProbeParams {
  optimizer: 'sgd' | 'adam';
  lr: number;
  lrEnd: number;
  momentum: number;
  weightDecay: number;
  milestones: number[];
  gamma: number;
  epochs: number;
}

const linearProbe: ParityAdapter = async ({ inputs, params }) => {
  const { x, y } = inputs as { x: Rows; y: number[] };
  const p = params as ProbeParams;
  const { weightDecay } = p;
  const recipe: ProbeRecipe = {
    ...PROBE_RECIPES.moco,
    name: 'reference',
    learningRate: p.lr,
    batchSize: x.length,
    epochs: p.epochs,
    optimizer: (learningRate) =>
      p.optimizer === 'sgd'
        ? sgd({ learningRate, momentum: p.momentum, weightDecay })
        : adam({ learningRate, weightDecay }),
    schedule:
      p.optimizer === 'sgd'
        ? (rate) => stepRate(rate, { milestones: p.milestones, factor: p.gamma })
        : exponentialRate(p.lrEnd / p.lr),
    initializer: 'zeros',
  };
  const train = labelled(x, y);
  const fit = await trainProbe(train, recipe);
  return {
    lossPerEpoch: fit.lossPerEpoch,
    weights: chunked(fit.weights, fit.classes),
    bias: fit.intercept,
    finalLoss: await crossEntropy(fit, train),
    trainTop1: (await scoreClassifier(fit, train)).top1.value,
  };
};

async function crossEntropy(fit: LinearClassifier, { labels, ...features }: LabelledFeatures): Promise<number> {
  const p = await linearProbabilities(fit, features);
  return labels.reduce((sum, y, i) => sum - Math.log(p[i * fit.classes + y]!), 0) / labels.length;
}

const svm: ParityAdapter = async ({ inputs, params }) => {
  const { features, labels } = inputs as { features: Rows; labels: number[] };
  const { C, classWeight } = params as { C: number; classWeight: { positive: number; negative: number } };
  const normalized = normalizeForSvm(matrix(features));
  const { positive, negative } = classWeight; // the package fixes the negative weight at 1
  const fit = await fitSvm(normalized, labels, { C: C * negative, positiveWeight: positive / negative });
  return { ...fit, decision: await svmScores(fit, normalized) };
};

const apVariants: ParityAdapter = ({ inputs }) => {
  const { scores, labels } = inputs as { scores: number[]; labels: number[] };
  const rules = ['allPoint', 'step', 'elevenPoint', 'point101'] as const;
  return {
    ...precisionRecall(scores, labels),
    ...Object.fromEntries(rules.map((rule) => [rule, averagePrecision(scores, labels, rule)])),
  };
};

interface FixtureBox {
  image: number;
  cls: number;
  box: [x: number, y: number, width: number, height: number];
}

const detection: ParityAdapter = ({ inputs }) => {
  const { groundTruth, detections } = inputs as {
    groundTruth: FixtureBox[];
    detections: (FixtureBox & { score: number })[];
  };
  const region = ({ box: [x, y, width, height] }: FixtureBox): Box => [x, y, x + width, y + height];
  const scores = detectionAp(
    groundTruth.map((g) => ({ image: g.image, label: g.cls, region: region(g) })),
    detections.map((d) => ({ image: d.image, label: d.cls, region: region(d), score: d.score })),
  );
  return { AP: scores.ap, AP50: scores.ap50, AP75: scores.ap75 };
};

const miou: ParityAdapter = ({ inputs, params }) => {
  const { gt, prediction } = inputs as { gt: number[][][]; prediction: number[][][] };
  const { numClasses, ignoreIndex } = params as { numClasses: number; ignoreIndex: number };
  const confusion = createConfusion(numClasses);
  gt.forEach((image, i) => {
    addToConfusion(confusion, image.flat(), prediction[i]!.flat(), ignoreIndex);
  });
  const { iou, meanIou, pixelAccuracy } = segmentationScores(confusion);
  return { confusion: chunked(confusion.counts, numClasses), iou, mIoU: meanIou, pixelAccuracy };
};

/** Computes what the numeric references of the folder `evaluation` expect. */
export const kinds: ParityKinds = {
  'evaluation/knn_plain': knnPlain,
  'evaluation/knn_weighted': knnWeighted,
  'evaluation/knn_solo': knnSolo,
  'evaluation/logreg': logreg,
  'evaluation/linear_probe': linearProbe,
  'evaluation/svm': svm,
  'evaluation/ap_variants': apVariants,
  'evaluation/detection_ap': detection,
  'evaluation/miou': miou,
  'evaluation/quality_metrics': quality,
};
