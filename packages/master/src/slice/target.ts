/**
 * Where a function stands in its file, and so how to hand it out. Master only; pure.
 *
 * A function with a name at the top level is exported under that name. Any other is cut out of the
 * file as an expression, unless it uses `this` or `super`, which only its class or object can give.
 */
import type { AnyNode } from 'acorn';
import type { FilePieces } from './pieces.js';
import type { Range } from './reach.js';
import { children, type FunctionNode, isFunction, type Syntax } from './syntax.js';

/** A top-level name, and the path from its value to the function. */
export interface Place {
  readonly kind: 'place';
  /** As in scope.ts; DEFAULT_EXPORT for an anonymous default export. */
  readonly name: string;
  readonly path: readonly string[];
}

export interface Cut {
  readonly kind: 'cut';
  readonly range: Range;
  /** A method is cut with its key and needs an object around it. */
  readonly isMember: boolean;
  /** The name that the function gives itself. */
  readonly ownName: string | undefined;
  /** The enclosing `name = function`, for a function that calls itself by the variable's name. */
  readonly variable: (Range & { readonly name: string }) | undefined;
  /** Used where the cut would overlap code that the function itself needs. */
  readonly place: Place | undefined;
}

/** Why a function cannot be handed out, to follow "it is ". */
export interface Refusal {
  readonly kind: 'refusal';
  readonly reason: string;
}

export type Target = Place | Cut | Refusal;

export const DEFAULT_EXPORT = 'export default';

const A_CLASS = 'a class; send a function that makes and uses an instance';
const NO_CLASS = 'no class; declare the service as one';
const A_NESTED_CLASS = 'a class without a name at the top level of its file; declare it there';
const AN_ACCESSOR = 'a getter or setter; send a function that uses it';
const AN_INSTANCE_METHOD =
  'a method that uses "this", and the object does not travel; send a function that makes the object';
const A_NESTED_METHOD =
  'a method that uses "this", in a class or object without a name at the top level; declare it there';
const A_PRIVATE_METHOD = 'a private method; send a public one';

/** @returns the way to the function that V8 says begins at `offset`; undefined: there is none. */
export function findTarget(file: FilePieces, offset: number): Target | undefined {
  const chain = findChain(file.syntax, offset);
  const node = chain?.at(-1);
  if (!chain || !node) return undefined;
  if (!isFunction(node)) return refusal(A_CLASS);
  return new Placement(file, chain).target(node);
}

/** The same for a class: V8 says where it begins, or where its constructor does. */
export function findClass(file: FilePieces, offset: number): Target | undefined {
  const chain = findChain(file.syntax, offset);
  return chain && new Placement(file, chain).classTarget();
}

class Placement {
  readonly #file: FilePieces;
  /** From the top of the file to the function, without `__name(…)` calls. */
  readonly #nodes: readonly AnyNode[];

  constructor(file: FilePieces, chain: readonly AnyNode[]) {
    this.#file = file;
    this.#nodes = chain.filter((node) => !isNaming(node));
  }

  target(node: FunctionNode): Target {
    const own = this.#nodes.length - 1;
    const parent = this.#nodes[own - 1];
    if (parent?.type === 'MethodDefinition') return this.#method(parent, node, own);
    if (parent?.type === 'Property') return this.#property(parent, node, own);
    if (parent?.type === 'PropertyDefinition' && parent.static) {
      const place = memberOf(this.#placeOf(own - 3), keyOf(parent));
      if (place) return place;
    }
    const place = this.#placeOf(own);
    if (place && this.#isSettled(place) && parent?.type !== 'AssignmentExpression') return place;
    return cut(node, { ownName: node.id?.name, variable: parent && variableOf(parent), place });
  }

  classTarget(): Target {
    let own = this.#nodes.length - 1;
    // Constructor, its definition, the body of the class, the class.
    if (!this.#nodes[own]?.type.startsWith('Class')) own -= 3;
    if (!this.#nodes[own]?.type.startsWith('Class')) return refusal(NO_CLASS);
    return this.#placeOf(own) ?? refusal(A_NESTED_CLASS);
  }

  #method(method: AnyNode & { type: 'MethodDefinition' }, node: FunctionNode, own: number): Target {
    if (method.kind === 'constructor') return refusal(A_CLASS);
    if (method.kind !== 'method') return refusal(AN_ACCESSOR);
    const usesThis = this.#usesThis(node);
    if (usesThis && !method.static) return refusal(AN_INSTANCE_METHOD);
    const owner = this.#placeOf(own - 3);
    const place = memberOf(method.static ? owner : memberOf(owner, 'prototype'), keyOf(method));
    if (place) return place;
    if (usesThis) return refusal(A_NESTED_METHOD);
    if (method.key.type === 'PrivateIdentifier') return refusal(A_PRIVATE_METHOD);
    const start = method.static ? this.#afterStatic(method) : method.start;
    return cut({ start, end: method.end }, { isMember: true });
  }

  #property(property: AnyNode & { type: 'Property' }, node: FunctionNode, own: number): Target {
    if (property.kind !== 'init') return refusal(AN_ACCESSOR);
    const place = this.#placeOf(own);
    if (this.#usesThis(node)) return place ?? refusal(A_NESTED_METHOD);
    return cut(property.method ? property : node, { isMember: property.method, place });
  }

  /** The top-level name of the node at `depth`, or the path to it from one. */
  #placeOf(depth: number): Place | undefined {
    const node = this.#nodes[depth];
    const parent = this.#nodes[depth - 1];
    if (node?.type === 'FunctionDeclaration' || node?.type === 'ClassDeclaration') {
      const name = node.id?.name ?? DEFAULT_EXPORT;
      return this.#isTop(depth) ? placeAt(name) : undefined;
    }
    switch (parent?.type) {
      case 'ExportDefaultDeclaration':
        return placeAt(DEFAULT_EXPORT);
      case 'VariableDeclarator':
        if (parent.id.type !== 'Identifier' || !this.#isTop(depth - 2)) return undefined;
        return placeAt(parent.id.name);
      case 'Property':
        return memberOf(this.#placeOf(depth - 2), keyOf(parent));
      case 'AssignmentExpression':
        return this.#isTop(depth - 2) ? this.#assignedPlace(parent.left) : undefined;
      default:
        return undefined;
    }
  }

  /** A name, or a member of CommonJS exports, that is assigned to as a whole. */
  #assignedPlace(left: AnyNode): Place | undefined {
    const [reference] = this.#file.referencesIn(left.start, left.end);
    const isWhole = reference?.isWrite && reference.scope === this.#file.top;
    return isWhole ? placeAt(reference.name) : undefined;
  }

  /** Whether the node at `depth` is a statement at the top of the file, `export` apart. */
  #isTop(depth: number): boolean {
    const parent = this.#nodes[depth - 1];
    return parent?.type.startsWith('Export') || parent === this.#file.top.node;
  }

  /** Whether the name still holds what it was declared with. */
  #isSettled({ name }: Place): boolean {
    const { references, top } = this.#file;
    return !references.some((one) => one.isWrite && one.scope === top && one.name === name);
  }

  #usesThis(node: FunctionNode): boolean {
    if (node.type === 'ArrowFunctionExpression') return false;
    return this.#file
      .referencesIn(node.start, node.end)
      .some(({ name, scope }) => scope?.node === node && (name === 'this' || name === 'super'));
  }

  #afterStatic(method: Range): number {
    const text = this.#file.syntax.text.slice(method.start, method.end);
    return method.start + /^static\s*/.exec(text)![0].length;
  }
}

/** The nodes from the top of the file to the innermost function (or class) that begins at `offset`. */
function findChain(syntax: Syntax, offset: number): readonly AnyNode[] | undefined {
  let best: readonly AnyNode[] | undefined;
  const visit = (node: AnyNode, above: readonly AnyNode[]) => {
    if (node.start > offset || node.end <= offset) return;
    const chain = [...above, node];
    if (isFunction(node) && offset <= node.body.start) best = chain;
    else if (node.type.startsWith('Class') && node.start === offset) best = chain;
    for (const child of children(node)) visit(child, chain);
  };
  visit(syntax.top, []);
  return best;
}

function variableOf(parent: AnyNode): Cut['variable'] {
  if (parent.type !== 'VariableDeclarator' || parent.id.type !== 'Identifier') return undefined;
  return { start: parent.start, end: parent.end, name: parent.id.name };
}

function cut({ start, end }: Range, rest: Partial<Cut>): Cut {
  const nothing = { isMember: false, ownName: undefined, variable: undefined, place: undefined };
  return { kind: 'cut', range: { start, end }, ...nothing, ...rest };
}

/** `__name(function, "name")`: esbuild and tsx add it to keep the name of a function. */
function isNaming(node: AnyNode): boolean {
  return (
    node.type === 'CallExpression' &&
    node.callee.type === 'Identifier' &&
    node.callee.name === '__name'
  );
}

function placeAt(name: string): Place {
  return { kind: 'place', name, path: [] };
}

function memberOf(place: Place | undefined, key: string | undefined): Place | undefined {
  return place && key !== undefined ? { ...place, path: [...place.path, key] } : undefined;
}

/** The name of a member, unless it is computed or private. */
function keyOf({ key, computed }: { key: AnyNode; computed: boolean }): string | undefined {
  if (computed) return undefined;
  if (key.type === 'Identifier') return key.name;
  return key.type === 'Literal' ? String(key.value) : undefined;
}

function refusal(reason: string): Refusal {
  return { kind: 'refusal', reason };
}
