/**
 * Which declaration each name of a file means. Master only; pure.
 *
 * One walk over the whole file gives a list of references in the order of their offsets, so that
 * what any piece of the text needs is a range of that list.
 */
import type { AnyNode, Class, Pattern, PropertyDefinition } from 'acorn';
import { lexicalNames, patternNames, varNames } from './declarations.js';
import { exportName } from './exports.js';
import { findScope, nestedScope, type Reference, type Resolution, type Scope } from './scope.js';
import { children, type FunctionNode, type Syntax } from './syntax.js';

const OWN_NAMES = ['this', 'super', 'new.target', 'arguments'];

export function resolveNames(syntax: Syntax): Resolution {
  return new Resolver(syntax).resolve();
}

class Resolver {
  readonly #syntax: Syntax;
  readonly #top: Scope;
  readonly #references: Reference[] = [];
  readonly #awaits: number[] = [];

  constructor(syntax: Syntax) {
    this.#syntax = syntax;
    const names = new Set([...varNames(syntax.body), ...lexicalNames(syntax.body)]);
    this.#top = { node: syntax.top, parent: undefined, isInFunction: false, names };
  }

  resolve(): Resolution {
    for (const statement of this.#syntax.body) this.#visit(statement, this.#top);
    this.#references.sort((a, b) => a.start - b.start);
    return { top: this.#top, references: this.#references, awaits: this.#awaits };
  }

  #visit(node: AnyNode, scope: Scope): void {
    const name = nameOf(node);
    if (name !== undefined) return this.#refer(name, node, scope);
    switch (node.type) {
      case 'MemberExpression':
        return this.#member(node, scope);
      case 'AssignmentExpression':
        if (node.operator === '=') this.#pattern(node.left, scope, false);
        else this.#visit(node.left, scope);
        return this.#visit(node.right, scope);
      case 'Property':
        if (node.computed) this.#visit(node.key, scope);
        return this.#visit(node.value, scope);
      case 'VariableDeclarator':
        this.#pattern(node.id, scope, true);
        if (node.init) this.#visit(node.init, scope);
        return;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        return this.#function(node, scope);
      case 'ClassDeclaration':
      case 'ClassExpression':
        return this.#class(node, scope);
      case 'BlockStatement':
        return this.#visitAll(node, nestedScope(scope, node, lexicalNames(node.body)));
      case 'SwitchStatement': {
        const statements = node.cases.flatMap((part) => part.consequent);
        return this.#visitAll(node, nestedScope(scope, node, lexicalNames(statements)));
      }
      case 'ForStatement':
        return this.#visitAll(
          node,
          nestedScope(scope, node, lexicalNames(node.init ? [node.init] : [])),
        );
      case 'ForInStatement':
      case 'ForOfStatement':
        return this.#forEach(node, scope);
      case 'CatchClause': {
        const inner = nestedScope(scope, node, node.param ? names(patternNames(node.param)) : []);
        if (node.param) this.#pattern(node.param, inner, true);
        return this.#visit(node.body, inner);
      }
      case 'AwaitExpression':
        if (!scope.isInFunction) this.#awaits.push(node.start);
        return this.#visit(node.argument, scope);
      case 'VariableDeclaration':
        if (node.kind === 'await using' && !scope.isInFunction) this.#awaits.push(node.start);
        return this.#visitAll(node, scope);
      case 'LabeledStatement':
        return this.#visit(node.body, scope);
      case 'ExportNamedDeclaration':
        if (node.declaration) this.#visit(node.declaration, scope);
        return;
      case 'ExportDefaultDeclaration':
        return this.#visit(node.declaration, scope);
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
        return;
      default:
        return this.#visitAll(node, scope);
    }
  }

  #visitAll(node: AnyNode, scope: Scope): void {
    for (const child of children(node)) this.#visit(child, scope);
  }

  #member(node: AnyNode & { type: 'MemberExpression' }, scope: Scope): void {
    if (this.#referToExports(node, scope, false)) return;
    this.#visit(node.object, scope);
    if (node.computed || node.property.type === 'PrivateIdentifier') {
      this.#visit(node.property, scope);
    }
  }

  /** Declared names are no references; names assigned to are. */
  #pattern(node: Pattern, scope: Scope, declares: boolean): void {
    switch (node.type) {
      case 'Identifier':
        if (!declares) this.#refer(node.name, node, scope, true);
        return;
      case 'MemberExpression':
        if (!this.#referToExports(node, scope, true)) this.#visit(node, scope);
        return;
      case 'AssignmentPattern':
        this.#pattern(node.left, scope, declares);
        return this.#visit(node.right, scope);
      case 'RestElement':
        return this.#pattern(node.argument, scope, declares);
      case 'ArrayPattern':
        for (const item of node.elements) if (item) this.#pattern(item, scope, declares);
        return;
      case 'ObjectPattern':
        for (const item of node.properties) {
          if (item.type === 'RestElement') this.#pattern(item, scope, declares);
          else {
            if (item.computed) this.#visit(item.key, scope);
            this.#pattern(item.value, scope, declares);
          }
        }
        return;
      default:
        this.#visit(node, scope);
    }
  }

  #forEach(node: AnyNode & { type: 'ForInStatement' | 'ForOfStatement' }, scope: Scope): void {
    if (node.type === 'ForOfStatement' && node.await && !scope.isInFunction) {
      this.#awaits.push(node.start);
    }
    const inner = nestedScope(scope, node, lexicalNames([node.left]));
    if (node.left.type === 'VariableDeclaration') this.#visit(node.left, inner);
    else this.#pattern(node.left, inner, false);
    this.#visit(node.right, inner);
    this.#visit(node.body, inner);
  }

  /** Parameters and body are scopes of their own: a default value does not see the body's names. */
  #function(node: FunctionNode, scope: Scope): void {
    const name = node.type === 'FunctionExpression' ? node.id?.name : undefined;
    const outer = name === undefined ? scope : nestedScope(scope, node, [name]);
    const own = node.type === 'ArrowFunctionExpression' ? [] : OWN_NAMES;
    const params = node.params.flatMap((param) => names(patternNames(param)));
    const inner = nestedScope(outer, node, [...own, ...params], true);
    for (const param of node.params) this.#pattern(param, inner, true);
    if (node.body.type !== 'BlockStatement') return this.#visit(node.body, inner);
    const { body } = node.body;
    this.#visitAll(
      node.body,
      nestedScope(inner, node.body, [...varNames(body), ...lexicalNames(body)]),
    );
  }

  #class(node: Class & AnyNode, scope: Scope): void {
    const privates = node.body.body.flatMap((member) =>
      'key' in member && member.key.type === 'PrivateIdentifier' ? [`#${member.key.name}`] : [],
    );
    const inner = nestedScope(scope, node, node.id ? [node.id.name, ...privates] : privates);
    if (node.superClass) this.#visit(node.superClass, inner);
    for (const member of node.body.body) {
      if (member.type === 'StaticBlock') {
        const local = [...varNames(member.body), ...lexicalNames(member.body)];
        this.#visitAll(member, nestedScope(inner, member, [...OWN_NAMES, ...local], true));
      } else this.#classMember(member, inner);
    }
  }

  #classMember(
    member: PropertyDefinition | (AnyNode & { type: 'MethodDefinition' }),
    scope: Scope,
  ): void {
    if (member.computed) this.#visit(member.key, scope);
    if (member.type === 'MethodDefinition') this.#visit(member.value, scope);
    else if (member.value) this.#visit(member.value, nestedScope(scope, member, OWN_NAMES, true));
  }

  #referToExports(node: AnyNode, scope: Scope, isWrite: boolean): boolean {
    const name = this.#syntax.isModule ? undefined : exportName(node);
    if (name === undefined || findScope('exports', scope) || findScope('module', scope))
      return false;
    this.#references.push({ name, start: node.start, scope: this.#top, isWrite });
    return true;
  }

  #refer(name: string, node: AnyNode, scope: Scope, isWrite = false): void {
    if (name === 'exports' && this.#referToExports(node, scope, isWrite)) return;
    this.#references.push({ name, start: node.start, scope: findScope(name, scope), isWrite });
  }
}

/** The name that a node by itself stands for. */
function nameOf(node: AnyNode): string | undefined {
  switch (node.type) {
    case 'Identifier':
      return node.name;
    case 'PrivateIdentifier':
      return `#${node.name}`;
    case 'ThisExpression':
      return 'this';
    case 'Super':
      return 'super';
    case 'MetaProperty':
      return `${node.meta.name}.${node.property.name}`;
    default:
      return undefined;
  }
}

function names(identifiers: Iterable<{ name: string }>): string[] {
  return Array.from(identifiers, (identifier) => identifier.name);
}
