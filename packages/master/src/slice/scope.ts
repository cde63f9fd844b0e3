/**
 * Scopes of a file, and the names used in them. Master only; pure.
 *
 * Terms: `this`, `super`, `new.target`, `arguments` and `#private` names are names like others,
 * declared by the function or class that they belong to; CommonJS exports (exports.ts) are names
 * declared at the top.
 */
import type { AnyNode } from 'acorn';

export interface Scope {
  readonly node: AnyNode;
  readonly parent: Scope | undefined;
  /** Inside a function, a class field or a static block: an `await` here is not the file's. */
  readonly isInFunction: boolean;
  readonly names: ReadonlySet<string>;
}

export interface Reference {
  readonly name: string;
  readonly start: number;
  /** Where the name is declared; nowhere in the file: a global. */
  readonly scope: Scope | undefined;
  /** The name is given a new value and not read. */
  readonly isWrite: boolean;
}

export interface Resolution {
  readonly top: Scope;
  /** Order: by offset. */
  readonly references: readonly Reference[];
  /** Offsets of the awaits that belong to no function. */
  readonly awaits: readonly number[];
}

export function nestedScope(
  parent: Scope,
  node: AnyNode,
  declared: Iterable<string>,
  isInFunction = parent.isInFunction,
): Scope {
  return { node, parent, isInFunction, names: new Set(declared) };
}

/** The innermost scope that declares a name; undefined: a global. */
export function findScope(name: string, from: Scope): Scope | undefined {
  let scope: Scope | undefined = from;
  while (scope && !scope.names.has(name)) scope = scope.parent;
  return scope;
}
