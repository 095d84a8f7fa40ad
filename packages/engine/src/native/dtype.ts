/** TensorFlow's numbers for data types (`types.proto`), as far as the engine uses them. */
export const DT = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  resource: 20,
} as const;

const BYTES: Readonly<Record<number, number>> = {
  [DT.float32]: 4,
  [DT.float64]: 8,
  [DT.int32]: 4,
  [DT.uint8]: 1,
  [DT.complex64]: 8,
  [DT.int64]: 8,
  [DT.bool]: 1,
  [DT.bfloat16]: 2,
};

/** Bytes of one value, or `undefined` for types without a fixed size (strings, resources). */
export const bytesPerValue = (dtype: number): number | undefined => BYTES[dtype];

/** Name of a type for messages. */
export const dtypeName = (dtype: number): string =>
  Object.entries(DT).find(([, number]) => number === dtype)?.[0] ?? `type ${dtype}`;

/** Number of values of a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
