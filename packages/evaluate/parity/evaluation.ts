import {
  classScores,
  type FeatureMatrix,
  fitLogistic,
  type LabelledFeatures,
  linearProbabilities,
  nearest,
  plainKnn,
  representationMetrics,
  scoreClassifier,
  weightedKnn,
} from '../src/index.js';

/** A numeric reference: inputs and parameters of one computation, and what it must give. */
export interface Fixture {
  readonly name: string;
  // The JSON of each kind has a shape of its own; the adapters below name the fields they read.
  readonly inputs: unknown;
  readonly params: unknown;
}
type Adapter = (fixture: Fixture) => Record<string, unknown> | Promise<Record<string, unknown>>;
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

const knnPlain: Adapter = async ({ inputs, params }) => {
  const { k } = params as { k: number };
  const result = await plainKnn(...knnSets(inputs as KnnInputs), { k });
  return { prediction: result.predictions, top1: result.top1.value };
};

const knnWeighted: Adapter = async ({ inputs, params }) => {
  const { k, T: temperature, numClasses } = params as { k: number; T: number; numClasses: number };
  const [bank, test] = knnSets(inputs as KnnInputs);
  const [result] = await weightedKnn(bank, test, { k: [k], temperature: [temperature] });
  const neighbours = await nearest(bank, test, { k });
  const scoresRelative = Array.from({ length: test.rows }, (_, i) => {
    const scores = new Float64Array(numClasses);
    classScores(neighbours, i, bank.labels, { kind: 'exponential', k, temperature }, scores);
    return [...scores];
  });
  return {
    prediction: result!.predictions,
    scoresRelative,
    top1: result!.top1.value,
    top5: result!.top5?.value ?? null,
  };
};

const knnSolo: Adapter = async ({ inputs, params }) => {
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

const logreg: Adapter = async ({ inputs, params }) => {
  const { x, y, xTest, yTest } = inputs as { x: Rows; y: number[]; xTest: Rows; yTest: number[] };
  const { C } = params as { C: number };
  const test = labelled(xTest, yTest);
  const fit = await fitLogistic(labelled(x, y), { C, tolerance: 1e-9 });
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

const quality: Adapter = async ({ inputs, params }) => {
  const { features, positives } = inputs as { features: Rows; positives: Rows };
  const { rankEps } = params as { rankEps: number };
  const metrics = await representationMetrics(matrix(features), { positives: matrix(positives), rankEpsilon: rankEps });
  return { ...metrics, covEigenvalues: metrics.covarianceEigenvalues };
};

/** Adapters by the first word of a reference's file name (`knn_plain5.json` → `knn_plain`). */
export const kinds: Record<string, Adapter> = {
  knn_plain: knnPlain,
  knn_weighted: knnWeighted,
  knn_solo: knnSolo,
  logreg,
  quality_metrics: quality,
};
