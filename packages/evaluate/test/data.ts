import { Rng } from '@contrastive/core';
import type { FeatureMatrix, LabelledFeatures } from '../src/features.js';

export const matrix = (rows: readonly (readonly number[])[]): FeatureMatrix => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  dim: rows[0]!.length,
});

export const labelled = (rows: readonly (readonly number[])[], labels: readonly number[]): LabelledFeatures => ({
  ...matrix(rows),
  labels: Int32Array.from(labels),
});

/** Unit vectors in the plane. */
export const atAngles = (...degrees: readonly number[]): number[][] =>
  degrees.map((a) => [Math.cos((a * Math.PI) / 180), Math.sin((a * Math.PI) / 180)]);

/** Normal rows [rows, dim]. */
export function normals(rows: number, dim: number, seed: number): FeatureMatrix {
  const rng = Rng.create(seed);
  return { data: Float32Array.from({ length: rows * dim }, () => rng.normal()), rows, dim };
}

/** Normal clouds around random centres, `spread` times as wide apart as they are wide; labels 0, 1, …, classes − 1, 0, … */
export function clouds(rows: number, dim: number, classes: number, spread: number, seed: number): LabelledFeatures {
  const rng = Rng.create(seed);
  const centres = Float64Array.from({ length: classes * dim }, () => spread * rng.normal());
  const labels = Int32Array.from({ length: rows }, (_, i) => i % classes);
  const data = Float32Array.from({ length: rows * dim }, (_, i) => {
    return centres[labels[Math.floor(i / dim)]! * dim + (i % dim)]! + rng.normal();
  });
  return { data, rows, dim, labels };
}
