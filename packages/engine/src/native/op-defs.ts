import { SslError } from '@contrastive/core';
import type { CApi } from './c-api.js';
import { bufferBytes } from './memory.js';
import { readFields, textOf } from './protobuf.js';

/** How many tensors one argument of an operation takes: one, or a list whose length an attribute gives or that has a type list. */
export type InputArity = 'one' | 'list';

/** The signature of an operation. The library does not check all of it by itself: a superfluous input makes it crash. */
export interface OpDef {
  readonly inputs: readonly InputArity[];
  /** Kinds of the attributes, for example `type` or `list(int)`. */
  readonly attrs: ReadonlyMap<string, string>;
}

/** All operations that the library knows (`OpList`). A signature is decoded when it is first asked for: there are 1800. */
export class OpDefs {
  readonly #encoded = new Map<string, Uint8Array>();
  readonly #decoded = new Map<string, OpDef>();

  constructor(api: CApi) {
    const buffer = api.allOpList();
    for (const { value } of readFields(bufferBytes(buffer))) {
      const [name] = readFields(value as Uint8Array);
      this.#encoded.set(textOf(name!.value), value as Uint8Array);
    }
    api.deleteBuffer(buffer);
  }

  /** @throws SslError `BACKEND` if the library does not know the operation. */
  get(op: string): OpDef {
    let def = this.#decoded.get(op);
    if (def === undefined) {
      const encoded = this.#encoded.get(op);
      if (encoded === undefined) throw new SslError('BACKEND', `this TensorFlow has no operation ${op}.`);
      def = decode(encoded);
      this.#decoded.set(op, def);
    }
    return def;
  }
}

function decode(bytes: Uint8Array): OpDef {
  const inputs: InputArity[] = [];
  const attrs = new Map<string, string>();
  for (const { field, value } of readFields(bytes)) {
    if (field === 2) inputs.push(arity(value as Uint8Array));
    else if (field === 4) attrs.set(...attrDef(value as Uint8Array));
  }
  return { inputs, attrs };
}

const NUMBER_ATTR = 5;
const TYPE_LIST_ATTR = 6;

function arity(argDef: Uint8Array): InputArity {
  for (const { field } of readFields(argDef)) if (field === NUMBER_ATTR || field === TYPE_LIST_ATTR) return 'list';
  return 'one';
}

function attrDef(bytes: Uint8Array): [name: string, kind: string] {
  let name = '';
  for (const { field, value } of readFields(bytes)) {
    if (field === 1) name = textOf(value);
    else if (field === 2) return [name, textOf(value)];
  }
  return [name, ''];
}

/**
 * Splits the inputs of a call over the arguments; all lists of one operation have the same length.
 *
 * @throws SslError `BACKEND` if there are too many or too few.
 */
export function splitInputs<T>(op: string, def: OpDef, inputs: readonly T[]): (T | T[])[] {
  const lists = def.inputs.filter((a) => a === 'list').length;
  const each = lists === 0 ? 0 : (inputs.length - (def.inputs.length - lists)) / lists;
  if (each < 0 || !Number.isInteger(each) || (lists === 0 && inputs.length !== def.inputs.length)) {
    throw new SslError('BACKEND', `${op} takes ${def.inputs.length} inputs, but ${inputs.length} were given.`);
  }
  let at = 0;
  return def.inputs.map((a) => {
    if (a === 'one') return inputs[at++]!;
    at += each;
    return inputs.slice(at - each, at);
  });
}
