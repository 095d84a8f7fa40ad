import type { CApi } from '../native/c-api.js';
import { bufferBytes } from '../native/memory.js';
import { readFields, textOf } from '../native/protobuf.js';

/** How many tensors one argument of an operation takes: one, or a list whose length an attribute gives or that has a type list. */
export type InputArity = 'one' | 'list';

/** What the recorder must know of an operation before it adds it to a graph. */
export interface OpDef {
  readonly inputs: readonly InputArity[];
  readonly attrs: ReadonlySet<string>;
}

/** All operations that the library knows (`OpList`). */
export function readOpDefs(api: CApi): Map<string, OpDef> {
  const buffer = api.allOpList();
  const bytes = bufferBytes(buffer);
  api.deleteBuffer(buffer);
  const defs = new Map<string, OpDef>();
  for (const { value } of readFields(bytes)) {
    const { name, ...def } = readOpDef(value as Uint8Array);
    defs.set(name, def);
  }
  return defs;
}

function readOpDef(bytes: Uint8Array): OpDef & { name: string } {
  let name = '';
  const inputs: InputArity[] = [];
  const attrs = new Set<string>();
  for (const { field, value } of readFields(bytes)) {
    if (field === 1) name = textOf(value);
    else if (field === 2) inputs.push(arity(value as Uint8Array));
    else if (field === 4) attrs.add(attrName(value as Uint8Array));
  }
  return { name, inputs, attrs };
}

const NUMBER_ATTR = 5;
const TYPE_LIST_ATTR = 6;

function arity(argDef: Uint8Array): InputArity {
  for (const { field } of readFields(argDef)) if (field === NUMBER_ATTR || field === TYPE_LIST_ATTR) return 'list';
  return 'one';
}

function attrName(attrDef: Uint8Array): string {
  for (const { field, value } of readFields(attrDef)) if (field === 1) return textOf(value);
  return '';
}

/** Splits the inputs of a call over the arguments; all lists of one operation have the same length. */
export function splitInputs<T>(def: OpDef, inputs: readonly T[]): (T | T[])[] {
  const lists = def.inputs.filter((a) => a === 'list').length;
  const each = lists === 0 ? 0 : (inputs.length - (def.inputs.length - lists)) / lists;
  let at = 0;
  return def.inputs.map((a) => {
    if (a === 'one') return inputs[at++]!;
    at += each;
    return inputs.slice(at - each, at);
  });
}
