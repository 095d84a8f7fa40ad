import { SslError } from '@contrastive/core';

/** Features of `rows` images: row-major [rows, dim], float32, as an encoder in evaluation mode gives them (before any projection head). */
export interface FeatureMatrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/** Any row-major matrix, float32 or float64. */
export interface RowMatrix {
  readonly data: Float32Array | Float64Array;
  readonly rows: number;
  readonly dim: number;
}

/** Features with one class index (0, 1, …) a row. */
export interface LabelledFeatures extends FeatureMatrix {
  readonly labels: Int32Array;
}

/**
 * Checks that a matrix is usable: at least one row and column, as many values as rows × dim, all of them finite.
 *
 * @param owner who is speaking, for messages. @param name which matrix, for example `bank`.
 * @throws SslError `SHAPE_MISMATCH`, `DATA` (empty), `NOT_FINITE` (names the first bad row).
 */
export function requireFeatures(owner: string, name: string, features: FeatureMatrix): void {
  const { data, rows, dim } = features;
  if (rows < 1 || dim < 1) {
    throw new SslError(
      'DATA',
      `${owner}: ${name} is [${rows}, ${dim}], but it must hold at least one row and one column.`,
    );
  }
  if (data.length !== rows * dim) {
    throw new SslError(
      'SHAPE_MISMATCH',
      `${owner}: ${name} is [${rows}, ${dim}], but ${data.length} values were given.`,
    );
  }
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new SslError('NOT_FINITE', `${owner}: ${name} has the value ${data[i]} in row ${Math.floor(i / dim)}.`, {
        hint: 'A diverged encoder gives such features. Evaluate an earlier checkpoint.',
      });
    }
  }
}

/** As {@link requireFeatures}, and every row must have a class index ≥ 0. @throws SslError also `DATA` on missing labels. */
export function requireLabelled(owner: string, name: string, features: LabelledFeatures): void {
  requireFeatures(owner, name, features);
  requireLabels(owner, name, features.labels, features.rows);
}

/** One class index ≥ 0 a row. @throws SslError `DATA`. */
export function requireLabels(owner: string, name: string, labels: Int32Array | undefined, rows: number): void {
  if (labels === undefined || labels.length !== rows) {
    throw new SslError('DATA', `${owner}: ${name} has ${rows} rows, but ${labels?.length ?? 'no'} labels.`, {
      hint: 'This protocol needs a label for every image. Representation metrics do not.',
    });
  }
  const missing = labels.findIndex((label) => label < 0);
  if (missing >= 0) {
    throw new SslError(
      'DATA',
      `${owner}: ${name} has label ${labels[missing]} in row ${missing}, but labels count from 0.`,
    );
  }
}

/** @throws SslError `SHAPE_MISMATCH` unless both matrices have the same number of columns. */
export function requireSameDim(owner: string, a: FeatureMatrix, b: FeatureMatrix): void {
  if (a.dim !== b.dim) {
    throw new SslError('SHAPE_MISMATCH', `${owner}: train features have ${a.dim} columns, test features ${b.dim}.`, {
      hint: 'Extract both with the same encoder and the same output.',
    });
  }
}

/** Number of classes that training labels define: the largest index + 1. Test labels never count (they may lack a class). */
export function countClasses(labels: Int32Array): number {
  let largest = -1;
  for (const label of labels) if (label > largest) largest = label;
  return largest + 1;
}

/** Number of classes, where a classifier needs two that occur. @throws SslError `DATA`. */
export function requireTwoClasses(owner: string, labels: Int32Array): number {
  if (labels.every((label) => label === labels[0])) {
    throw new SslError(
      'DATA',
      `${owner}: all ${labels.length} training labels are ${labels[0]}, but two classes are needed.`,
    );
  }
  return countClasses(labels);
}

/** The rows with the given indices, in that order, copied. An index may repeat. */
export function takeRows(features: LabelledFeatures, indices: ArrayLike<number>): LabelledFeatures;
export function takeRows(features: FeatureMatrix, indices: ArrayLike<number>): FeatureMatrix;
export function takeRows(features: FeatureMatrix, indices: ArrayLike<number>): FeatureMatrix {
  const { dim, labels } = features as FeatureMatrix & { readonly labels?: Int32Array };
  const data = new Float32Array(indices.length * dim);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!;
    if (!(row >= 0 && row < features.rows)) {
      throw new SslError('DATA', `takeRows: row ${row} does not exist: there are ${features.rows}.`);
    }
    data.set(features.data.subarray(row * dim, (row + 1) * dim), i * dim);
  }
  const taken: FeatureMatrix = { data, rows: indices.length, dim };
  return labels === undefined
    ? taken
    : Object.assign(taken, { labels: Int32Array.from(indices, (row) => labels[row]!) });
}

/** Rows divided by max(‖row‖, 1e-12), as `F.normalize` does. */
export function unitRows({ data, rows, dim }: FeatureMatrix): FeatureMatrix {
  const unit = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) {
    let square = 0;
    for (let j = i * dim; j < (i + 1) * dim; j++) square += data[j]! ** 2;
    const scale = 1 / Math.max(Math.sqrt(square), 1e-12);
    for (let j = i * dim; j < (i + 1) * dim; j++) unit[j] = data[j]! * scale;
  }
  return { data: unit, rows, dim };
}

/** Mean of every column, float64. */
export function columnMeans({ data, rows, dim }: RowMatrix): Float64Array {
  const mean = new Float64Array(dim);
  for (let i = 0; i < rows; i++) for (let j = 0; j < dim; j++) mean[j]! += data[i * dim + j]!;
  for (let j = 0; j < dim; j++) mean[j]! /= rows;
  return mean;
}

/** The matrix with `shift` subtracted from every row, rounded to float32 once. */
export function shiftRows({ data, rows, dim }: FeatureMatrix, shift: Float64Array): FeatureMatrix {
  const moved = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < dim; j++) moved[i * dim + j] = data[i * dim + j]! - shift[j]!;
  return { data: moved, rows, dim };
}
