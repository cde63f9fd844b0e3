/**
 * What a top-level statement changes when it runs. Master only; pure.
 *
 * A statement that only sets up names of the file (`Foo.prototype.x = …`, a loop that fills a
 * table, a compiled enum) travels with these names. One that does anything else as well runs on its
 * own: it must not run in another context.
 */
import type { AnyNode, CallExpression, Expression } from 'acorn';
import { declaredNames, isCompound } from './declarations.js';
import { ALL_EXPORTS, exportName } from './exports.js';
import { children, isFunction } from './syntax.js';

export interface Effects {
  /** Top-level names whose value, or a member of it, the statement changes. */
  readonly changes: ReadonlySet<string>;
  /** It does nothing but change names. */
  readonly isQuiet: boolean;
}

/** What the analysis has to know about the names of the file. */
export interface TopNames {
  /** The top-level name that the identifier at this offset means. */
  topNameAt(offset: number): string | undefined;
  /** Top-level names that hold a built-in collection from their declaration on. */
  readonly collections: ReadonlySet<string>;
}

/** Functions that TypeScript, tslib and esbuild add, which change one of their arguments only. */
const COMPILER_HELPER =
  /^__(decorat\w*|export\w*|reExport|publicField|runInitializers|setFunctionName|createBinding)$/;

/** Methods of `Object` and `Reflect` that change their first argument and call nothing. */
const SETTERS = /^(assign|definePropert(y|ies)|deleteProperty|set(PrototypeOf)?|freeze|seal)$/;

/** Methods that add to a built-in collection. */
const ADDERS = /^(push|unshift|set|add)$/;

export function effectsOf(statement: AnyNode, names: TopNames): Effects {
  const analysis = new Analysis(names);
  analysis.statement(statement);
  return analysis;
}

/** Arrays, maps and sets: calling their `push`, `set` or `add` does nothing else. */
export function isCollection(init: Expression | null | undefined): boolean {
  if (init?.type === 'ArrayExpression') return true;
  if (init?.type !== 'NewExpression' || init.callee.type !== 'Identifier') return false;
  return ['Map', 'Set', 'WeakMap', 'WeakSet', 'Array'].includes(init.callee.name);
}

class Analysis implements Effects {
  readonly changes = new Set<string>();
  isQuiet = true;
  readonly #names: TopNames;

  constructor(names: TopNames) {
    this.#names = names;
  }

  statement(node: AnyNode): void {
    if (node.type === 'ExpressionStatement') this.#expression(node.expression);
    else if (isHoisted(node)) for (const name of declaredNames(node)) this.changes.add(name);
    else if (isCompound(node)) {
      if ('left' in node && node.left.type !== 'VariableDeclaration') this.#target(node.left);
      for (const child of children(node)) if (isStatement(child)) this.statement(child);
    } else if (node.type === 'ThrowStatement' || node.type === 'ReturnStatement') {
      this.isQuiet = false;
    }
  }

  #expression(node: AnyNode): void {
    switch (node.type) {
      case 'AssignmentExpression':
        this.#target(node.left);
        if (node.right.type === 'AssignmentExpression') this.#expression(node.right);
        return;
      case 'UpdateExpression':
        return this.#target(node.argument);
      case 'SequenceExpression':
        for (const part of node.expressions) this.#expression(part);
        return;
      case 'LogicalExpression':
        return this.#expression(node.right);
      case 'ConditionalExpression':
        this.#expression(node.consequent);
        return this.#expression(node.alternate);
      case 'UnaryExpression':
        if (node.operator === 'delete') this.#target(node.argument);
        return;
      case 'CallExpression':
        if (!this.#isSetup(node)) this.isQuiet = false;
        return;
      case 'Literal':
      case 'Identifier':
        return;
      default:
        this.isQuiet = false;
    }
  }

  #target(node: AnyNode): void {
    if (node.type === 'ObjectPattern' || node.type === 'ArrayPattern') {
      for (const child of children(node)) this.#target(child);
    } else if (node.type === 'Property') this.#target(node.value);
    else this.#change(node);
  }

  /** Whether the node is rooted in a top-level name, which then counts as changed. */
  #change(node: AnyNode | undefined): boolean {
    let root = node;
    while (root?.type === 'MemberExpression') root = root.object;
    const name = root?.type === 'Identifier' ? this.#names.topNameAt(root.start) : undefined;
    if (name !== undefined) this.changes.add(name);
    return name !== undefined;
  }

  /** A call that is known to do nothing but change one of the file's names. */
  #isSetup({ callee, arguments: args }: CallExpression): boolean {
    const [first, second] = args;
    if (isFunction(callee)) return args.some((argument) => this.#initializes(argument));
    // __decorate([…], target), __export(exports, …), __exportStar(…, exports)
    if (COMPILER_HELPER.test(calleeName(callee)))
      return this.#change(first) || this.#change(second);
    if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return false;
    const { object, property } = callee;
    if (object.type === 'Identifier' && ['Object', 'Reflect'].includes(object.name)) {
      return SETTERS.test(property.name) && this.#defines(first, second);
    }
    const name = this.#names.topNameAt(object.start);
    const isCollected = object.type === 'Identifier' && this.#names.collections.has(name ?? '');
    return isCollected && ADDERS.test(property.name) && this.#change(object);
  }

  /** The argument of a compiled enum or namespace: `Color || (Color = {})`. */
  #initializes(argument: AnyNode): boolean {
    if (argument.type !== 'LogicalExpression') return false;
    const { right } = argument;
    if (right.type !== 'AssignmentExpression') return false;
    this.#expression(right);
    return this.changes.size > 0;
  }

  /** `Object.defineProperty(exports, "x", …)` declares the export `x`. */
  #defines(object: AnyNode | undefined, key: AnyNode | undefined): boolean {
    if (object && exportName(object) === ALL_EXPORTS && key?.type === 'Literal') {
      this.changes.add(`exports.${key.value}`);
      return true;
    }
    return this.#change(object);
  }
}

function isStatement(node: AnyNode): boolean {
  return isCompound(node) || /Statement$|Declaration$/.test(node.type);
}

/** A declaration inside a compound statement whose names are visible outside it. */
function isHoisted(node: AnyNode): boolean {
  if (node.type === 'VariableDeclaration') return node.kind === 'var';
  return node.type === 'FunctionDeclaration';
}

/** The last name of `helper`, `tslib.helper` and `(0, tslib.helper)`. */
function calleeName(callee: AnyNode): string {
  if (callee.type === 'Identifier') return callee.name;
  if (callee.type === 'SequenceExpression') return calleeName(callee.expressions.at(-1)!);
  return callee.type === 'MemberExpression' ? calleeName(callee.property) : '';
}
