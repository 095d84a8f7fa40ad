/** Reference to a node's output: `name` for the first, `name:1` for the second; `^name` waits for the node only. */
export type Ref = string;

/** Type and shape of an output. */
export interface TensorSpec {
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** The value of a `Const` node. */
export interface ConstantValue extends TensorSpec {
  readonly bytes: Uint8Array;
}

/** One operation of a recorded step. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly Ref[];
  /** Encoded `AttrValue`s by name; complete, defaults included. */
  readonly attrs: ReadonlyMap<string, Uint8Array>;
  readonly outputs: readonly TensorSpec[];
  /** For `Const` nodes, whose `value` and `dtype` attributes are made from it. */
  readonly constant?: ConstantValue;
}

/** A step as data. Passes turn one into another; the order of `nodes` is an order of execution. */
export interface RecordedStep {
  readonly nodes: readonly GraphNode[];
  /** The placeholder of each input, by the input's name. */
  readonly inputs: ReadonlyMap<string, Ref>;
  /** The result of each output, by the output's name. */
  readonly outputs: ReadonlyMap<string, Ref>;
  /** The handle nodes of trainable variables. */
  readonly trainable: ReadonlySet<Ref>;
  /** New value of each assigned variable, by the variable's handle node. */
  readonly assigns: ReadonlyMap<Ref, Ref>;
  /** Operations that change variables in place; they run after every read of those variables. Default none. */
  readonly updates?: readonly Update[];
  /** Variables that change only if a boolean scalar is true: that scalar, by the variable's handle node. Default none. */
  readonly conditions?: ReadonlyMap<Ref, Ref>;
}

/** An operation that changes variables in place, and the handles of those. */
export interface Update {
  readonly node: GraphNode;
  readonly handles: readonly Ref[];
}

/** Name of the node that a reference means. */
export const nodeOf = (ref: Ref): string => {
  const name = ref.startsWith('^') ? ref.slice(1) : ref;
  const colon = name.lastIndexOf(':');
  return colon < 0 ? name : name.slice(0, colon);
};

/** Which of the node's outputs a reference means. */
export const indexOf = (ref: Ref): number => {
  const colon = ref.lastIndexOf(':');
  return colon < 0 ? 0 : Number(ref.slice(colon + 1));
};

/** Reference to output `index` of node `name`. */
export const refTo = (name: string, index: number): Ref => (index === 0 ? name : `${name}:${index}`);

/** The step with every reference to a tensor replaced by `rename(ref)`, and with `nodes` instead of its own. */
export function rewire(step: RecordedStep, nodes: readonly GraphNode[], rename: (ref: Ref) => Ref): RecordedStep {
  const values = (map: ReadonlyMap<string, Ref>) => new Map([...map].map(([key, ref]) => [key, rename(ref)]));
  const updates = step.updates?.map(({ node, handles }) => ({
    node: { ...node, inputs: node.inputs.map(rename) },
    handles,
  }));
  const conditions = step.conditions && values(step.conditions);
  return {
    ...step,
    nodes,
    outputs: values(step.outputs),
    assigns: values(step.assigns),
    ...(updates && { updates }),
    ...(conditions && { conditions }),
  };
}
