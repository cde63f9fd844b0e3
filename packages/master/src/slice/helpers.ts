/**
 * The functions that a slice gives out beside its own: those that it names at the top level of its
 * file. A function that has a context may call them there: they are found in the same module. Master
 * only; pure.
 */
import { isBuiltin } from 'node:module';
import type { AnyNode } from 'acorn';
import { exported } from './declarations.js';
import { isExportName } from './exports.js';
import type { Piece } from './pieces.js';
import type { Reach } from './reach.js';
import { isFunction } from './syntax.js';

/** Where such a function is found without it. */
const isKnown = (source: string) => isBuiltin(source) || source.startsWith('@kinetin/');

/** The top-level names to export. */
export function helperNames({ pieces, names }: Reach): string[] {
  return [...pieces]
    .flatMap(functionNames)
    .filter((name) => names.has(name) && !isExportName(name));
}

/** The names that a piece gives to functions and classes, as far as can be told. */
function functionNames(piece: Piece): readonly string[] {
  const source = sourceOf(piece);
  if (source !== undefined) return isKnown(source) || isNamespace(piece) ? [] : piece.declares;
  const node = definitionOf(piece);
  return isFunction(node) || /^Class/.test(node.type) ? piece.declares : [];
}

/** What a piece imports from, by an import or by `require`. */
function sourceOf(piece: Piece): string | undefined {
  const { statement } = piece;
  if (statement.type === 'ImportDeclaration') return String(statement.source.value);
  return requiredBy(definitionOf(piece));
}

/** The whole of a module would keep all of it in the bundle. */
function isNamespace({ statement }: Piece): boolean {
  return (
    statement.type === 'ImportDeclaration' &&
    statement.specifiers.some(({ type }) => type === 'ImportNamespaceSpecifier')
  );
}

/** `require(source)`, also inside the call of a compiler's helper: `__importStar(require(source))`. */
function requiredBy(node: AnyNode): string | undefined {
  if (node.type !== 'CallExpression') return undefined;
  const [first] = node.arguments;
  if (!first) return undefined;
  const isRequire = node.callee.type === 'Identifier' && node.callee.name === 'require';
  if (isRequire) return first.type === 'Literal' ? String(first.value) : undefined;
  return requiredBy(first);
}

/** A declaration, or the value of a variable, without a compiler's `__name(value, …)`. */
function definitionOf({ list, start, statement }: Piece): AnyNode {
  const value = list?.declarations.find((one) => one.start === start)?.init;
  if (!value) return exported(statement);
  const isNamed =
    value.type === 'CallExpression' &&
    value.callee.type === 'Identifier' &&
    value.callee.name === '__name';
  return isNamed ? (value.arguments[0] as AnyNode) : value;
}
