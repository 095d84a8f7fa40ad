import { DT } from '../native/dtype.js';
import { bytesField, intField, message } from '../native/protobuf.js';
import { shapeAttr, stringAttr, tensorAttr, typeAttr } from './attr-value.js';
import { type GraphNode, indexOf, nodeOf, type RecordedStep, type Ref, refTo } from './node.js';

/** `GraphDef.versions.producer`: graphs older than this would get operations' former defaults; no library that we load is older. */
const PRODUCER = 1000;

/** Encoded `GraphDef`. */
export const encodeGraph = (nodes: readonly GraphNode[]): Uint8Array =>
  message(...nodes.map((node) => bytesField(1, encodeNode(node))), bytesField(4, intField(1, PRODUCER)));

function encodeNode(node: GraphNode): Uint8Array {
  const attrs =
    node.constant === undefined
      ? [...node.attrs]
      : ([
          ['dtype', typeAttr(node.constant.dtype)],
          ['value', tensorAttr(node.constant)],
        ] as const);
  return message(
    bytesField(1, node.name),
    bytesField(2, node.op),
    ...node.inputs.map((input) => bytesField(3, input)),
    ...attrs.map(([key, value]) => bytesField(5, message(bytesField(1, key), bytesField(2, value)))),
  );
}

const plain = (
  name: string,
  op: string,
  inputs: readonly Ref[],
  attrs: readonly (readonly [string, Uint8Array])[],
): GraphNode => ({
  name,
  op,
  inputs,
  attrs: new Map(attrs),
  outputs: [],
});

/** Name of the node that gives output `key` of a step. */
export const outputName = (prefix: string, index: number): string => `${prefix}out${index}`;
/** Name of the node that has run when all variables are assigned. */
export const doneName = (prefix: string): string => `${prefix}done`;

/**
 * The nodes of a step under a prefix, with one node for each output, and the assignments. A variable is assigned after it has
 * been read, and `done` waits for all assignments, so that they happen whatever is fetched. An assignment with a condition waits for a
 * `Switch` on it: what waits for the side that is not taken does not run.
 */
export function assembleStep(step: RecordedStep, prefix: string): GraphNode[] {
  const rename = (ref: Ref): Ref => (ref.startsWith('^') ? `^${prefix}${ref.slice(1)}` : prefix + ref);
  const specs = new Map(step.nodes.map((node) => [node.name, node.outputs]));
  const reads = step.nodes.filter((node) => node.op === 'ReadVariableOp');
  const nodes: GraphNode[] = step.nodes.map((node) => ({
    ...node,
    name: prefix + node.name,
    inputs: node.inputs.map(rename),
  }));
  [...step.outputs.values()].forEach((ref, i) => {
    const { dtype } = specs.get(nodeOf(ref))![indexOf(ref)]!;
    nodes.push(plain(outputName(prefix, i), 'Identity', [rename(ref)], [['T', typeAttr(dtype)]]));
  });
  const gates = new Map<Ref, Ref>(); // of each condition: what runs only if it is true
  const gateOf = (handle: Ref): Ref[] => {
    const condition = step.conditions?.get(handle);
    if (condition === undefined) return [];
    const known = gates.get(condition);
    if (known !== undefined) return [known];
    const name = `${prefix}if${gates.size}`;
    const type = ['T', typeAttr(DT.bool)] as const;
    nodes.push(plain(name, 'Switch', [rename(condition), rename(condition)], [type]));
    nodes.push(plain(`${name}/true`, 'Identity', [refTo(name, 1)], [type]));
    gates.set(condition, `^${name}/true`);
    return [`^${name}/true`];
  };
  const readsOf = (handle: Ref) =>
    reads.filter((read) => read.inputs[0] === handle).map((read) => `^${prefix}${read.name}`);
  const waitsOf = (handles: readonly Ref[]) => [...new Set(handles.flatMap((h) => [...readsOf(h), ...gateOf(h)]))];
  const assigned = [...step.assigns].map(([handle, value], i) => {
    const { dtype } = specs.get(nodeOf(value))![indexOf(value)]!;
    const node = plain(
      `${prefix}assign${i}`,
      'AssignVariableOp',
      [rename(handle), rename(value), ...waitsOf([handle])],
      [['dtype', typeAttr(dtype)]],
    );
    nodes.push(node);
    return `^${node.name}`;
  });
  const updated = (step.updates ?? []).map(({ node, handles }) => {
    const name = prefix + node.name;
    nodes.push({ ...node, name, inputs: [...node.inputs.map(rename), ...waitsOf(handles)] });
    return `^${name}`;
  });
  nodes.push(plain(doneName(prefix), 'NoOp', [...assigned, ...updated], []));
  return nodes;
}

/** Nodes that copy a variable out of and into the session: `NAME/read`, and `NAME/set`, which is fed `NAME/in`. */
export function variableNodes(name: string, shape: readonly number[], dtype: number): GraphNode[] {
  const type = ['dtype', typeAttr(dtype)] as const;
  const shaped = ['shape', shapeAttr(shape)] as const;
  return [
    plain(name, 'VarHandleOp', [], [type, shaped, ['shared_name', stringAttr(name)]]),
    plain(`${name}/read`, 'ReadVariableOp', [name], [type]),
    plain(`${name}/in`, 'Placeholder', [], [type, shaped]),
    plain(`${name}/set`, 'AssignVariableOp', [name, `${name}/in`], [type]),
  ];
}
