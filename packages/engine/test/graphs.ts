import { typeAttr } from '../src/graph/attr-value.js';
import type { GraphNode, RecordedStep, Ref } from '../src/graph/node.js';
import { DT } from '../src/native/dtype.js';

/** A node by hand; its one output is float32 `[2, 2]` unless told. */
export const node = (
  name: string,
  op: string,
  inputs: readonly Ref[] = [],
  shape: readonly number[] = [2, 2],
  dtype: number = DT.float32,
): GraphNode => ({ name, op, inputs, attrs: new Map([['T', typeAttr(dtype)]]), outputs: [{ dtype, shape }] });

/** A constant float32 vector. */
export const constant = (name: string, ...values: number[]): GraphNode => {
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  const spec = { dtype: DT.float32, shape: [values.length] };
  return { name, op: 'Const', inputs: [], attrs: new Map(), outputs: [spec], constant: { ...spec, bytes } };
};

/** A step of these nodes whose outputs are named like their nodes. */
export const stepOf = (
  nodes: readonly GraphNode[],
  outputs: readonly Ref[],
  more: Partial<Pick<RecordedStep, 'inputs' | 'assigns' | 'trainable'>> = {},
): RecordedStep => ({
  nodes,
  outputs: new Map(outputs.map((ref) => [ref, ref])),
  inputs: more.inputs ?? new Map(),
  assigns: more.assigns ?? new Map(),
  trainable: more.trainable ?? new Set(),
});

/** Short text of a step: `name = op(inputs)` for each node. */
export const show = (step: RecordedStep): string[] =>
  step.nodes.map(({ name, op, inputs }) => `${name} = ${op}(${inputs.join(', ')})`);
