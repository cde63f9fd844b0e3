/**
 * A module of another context as its user holds it: an object with the functions that it exports.
 * Master only.
 */

import { type AnyFunction, ModuleError, printable } from '@kinetin/core';

/** Names that are asked of any object, by `await`, `JSON.stringify` and inspectors. */
const ASKED_OF_ALL = new Set(['then', 'toJSON', 'inspect', 'constructor']);

/** More names than these help nobody. */
const MAX_NAMES = 20;

/**
 * Makes the object. `described` comes from the context and may be anything; `functionFor` is called
 * once for each function that is exported.
 */
export function makeProxy(
  module: string,
  described: unknown,
  functionFor: (name: string) => AnyFunction,
): object {
  const kinds = new Map(Array.isArray(described) ? described.map(readEntry) : []);
  const functions: Record<string, AnyFunction> = Object.create(null);
  for (const [name, kind] of kinds) {
    // An object with `then` would be taken for a promise when it is awaited.
    if (kind !== 'function' || name === 'then') continue;
    const value = functionFor(name);
    Object.defineProperty(value, 'name', { value: name });
    Object.defineProperty(functions, name, { value, enumerable: true });
  }
  return new Proxy(Object.freeze(functions), {
    get(target, key) {
      if (typeof key === 'symbol' || key in target || ASKED_OF_ALL.has(key)) {
        return Reflect.get(target, key);
      }
      throw new ModuleError('ERR_NO_FUNCTION', refusalOf(module, key, kinds));
    },
  });
}

function readEntry(entry: unknown): [string, string] {
  const [name, kind] = Array.isArray(entry) ? entry : [];
  return [printable(String(name)), printable(String(kind))];
}

function refusalOf(module: string, key: string, kinds: ReadonlyMap<string, string>): string {
  const kind = kinds.get(key);
  if (kind !== undefined) {
    const what = kind === 'class' ? 'a class' : `of the type ${kind}`;
    return `cannot reach ${key} of ${module}: it is ${what}; export a function that returns what you need`;
  }
  const names = [...kinds.keys()];
  const more = names.length > MAX_NAMES ? `, and ${names.length - MAX_NAMES} more` : '';
  const exported = names.length === 0 ? 'nothing' : names.slice(0, MAX_NAMES).join(', ') + more;
  return `${module} has no export ${key}: it exports ${exported}; correct the name`;
}
