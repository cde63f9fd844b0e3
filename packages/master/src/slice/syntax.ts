/**
 * Executed JavaScript as a syntax tree. Master only.
 *
 * Invariant: offsets count UTF-16 units of the text that V8 ran, and lines end where V8 ends them.
 */
import {
  type AnyNode,
  type BlockStatement,
  type ModuleDeclaration,
  parse,
  type Statement,
} from 'acorn';
import { SliceError } from '../errors.js';

export type FunctionNode = Extract<
  AnyNode,
  { type: 'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression' }
>;

export type TopStatement = Statement | ModuleDeclaration;

/** One executed file. */
export interface Syntax {
  readonly text: string;
  readonly isModule: boolean;
  /** The node whose statements are the file's top level: the program, or a wrapper's body. */
  readonly top: AnyNode;
  readonly body: readonly TopStatement[];
}

/** @throws {SliceError} ERR_NOT_CALLABLE: V8 ran syntax that the parser does not know. */
export function parseText(text: string, isModule: boolean, file: string): Syntax {
  try {
    const program = parse(text, {
      ecmaVersion: 'latest',
      sourceType: isModule ? 'module' : 'script',
      allowHashBang: true,
      allowReturnOutsideFunction: true,
      allowSuperOutsideMethod: true,
      allowAwaitOutsideFunction: isModule,
    });
    const wrapped = isModule ? undefined : wrapperBody(program.body as TopStatement[]);
    return { text, isModule, top: wrapped ?? program, body: wrapped?.body ?? program.body };
  } catch (error) {
    const why = `cannot read ${file}: ${(error as Error).message}`;
    const message = `${why}; move the function into a file of plain JavaScript or TypeScript`;
    throw new SliceError('ERR_NOT_CALLABLE', message);
  }
}

/** The direct children of a node, in no promised order. */
export function* children(node: AnyNode): Generator<AnyNode> {
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) yield item;
    } else if (isNode(value)) yield value;
  }
}

export function isFunction(node: AnyNode): node is FunctionNode {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  );
}

/** The offset of a zero-based line and column, as V8 and source maps count them. */
export function offsetAt(text: string, line: number, column: number): number {
  const lineEnd = /\r\n?|[\n\u2028\u2029]/g;
  for (let i = 0; i < line && lineEnd.exec(text) !== null; i++);
  return lineEnd.lastIndex + column;
}

/** The zero-based line and column of an offset. */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  const lineEnd = /\r\n?|[\n\u2028\u2029]/g;
  let line = 0;
  let start = 0;
  while (lineEnd.exec(text) !== null && lineEnd.lastIndex <= offset) {
    line++;
    start = lineEnd.lastIndex;
  }
  return { line, column: offset - start };
}

function isNode(value: unknown): value is AnyNode {
  return typeof (value as AnyNode | null)?.type === 'string';
}

/**
 * The body of a function that a tool wrapped around the whole file: tsx in CommonJS mode wraps in
 * `(() => {…})()`, Jest in `({"…": function (module, exports, require, …) {…}})`.
 */
function wrapperBody(body: readonly TopStatement[]): BlockStatement | undefined {
  const rest = body.filter((statement) => !isPreparation(statement));
  const only = rest.length === 1 ? rest[0] : undefined;
  if (only?.type !== 'ExpressionStatement') return undefined;
  const wrapper = only.expression;
  let inner: AnyNode | undefined;
  if (wrapper.type === 'CallExpression' && wrapper.arguments.length === 0) inner = wrapper.callee;
  if (wrapper.type === 'ObjectExpression' && wrapper.properties[0]?.type === 'Property') {
    inner = wrapper.properties[0].value;
    if (!isFunction(inner) || !hasCommonJsParams(inner)) return undefined;
  }
  if (!inner || !isFunction(inner) || inner.async || inner.generator) return undefined;
  return inner.body.type === 'BlockStatement' ? inner.body : undefined;
}

/** A directive, or tsx's assignment to `__filename`. */
function isPreparation(statement: TopStatement): boolean {
  if (statement.type !== 'ExpressionStatement') return false;
  const { expression } = statement;
  if (expression.type !== 'AssignmentExpression') return statement.directive !== undefined;
  return expression.left.type === 'Identifier' && expression.left.name === '__filename';
}

function hasCommonJsParams(node: FunctionNode): boolean {
  const names = node.params.map((param) => (param.type === 'Identifier' ? param.name : ''));
  return ['module', 'exports', 'require'].every((name) => names.includes(name));
}
