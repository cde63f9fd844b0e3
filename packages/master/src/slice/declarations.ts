/** The names that statements declare, and in which scope. Master only; pure. */
import type { AnyNode, Identifier, Pattern } from 'acorn';
import { children } from './syntax.js';

/** The identifiers that a pattern binds. */
export function* patternNames(pattern: Pattern): Generator<Identifier> {
  switch (pattern.type) {
    case 'Identifier':
      yield pattern;
      return;
    case 'AssignmentPattern':
      return yield* patternNames(pattern.left);
    case 'RestElement':
      return yield* patternNames(pattern.argument);
    case 'ArrayPattern':
      for (const item of pattern.elements) if (item) yield* patternNames(item);
      return;
    case 'ObjectPattern':
      for (const item of pattern.properties) {
        yield* patternNames(item.type === 'RestElement' ? item : item.value);
      }
  }
}

/** Names of `let`, `const`, `using`, class, function and import declarations among `statements`. */
export function* lexicalNames(statements: Iterable<AnyNode>): Generator<string> {
  for (const outer of statements) {
    const statement = exported(outer);
    if (statement.type === 'VariableDeclaration' && statement.kind !== 'var') {
      yield* declaredNames(statement);
    } else if (statement.type !== 'VariableDeclaration') yield* declaredNames(statement);
  }
}

/**
 * Names of the `var`s at any depth outside nested functions. Functions declared in nested blocks
 * count too: in sloppy code they are visible outside their block.
 */
export function* varNames(statements: Iterable<AnyNode>): Generator<string> {
  for (const outer of statements) {
    const statement = exported(outer);
    if (statement.type === 'VariableDeclaration') {
      if (statement.kind === 'var') yield* declaredNames(statement);
    } else if (statement.type === 'FunctionDeclaration') yield* declaredNames(statement);
    else if (isCompound(statement)) yield* varNames(children(statement));
  }
}

/** The names that one declaration binds; of other statements none. */
export function* declaredNames(statement: AnyNode): Generator<string> {
  switch (statement.type) {
    case 'VariableDeclaration':
      for (const { id } of statement.declarations) {
        for (const { name } of patternNames(id)) yield name;
      }
      return;
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      if (statement.id) yield statement.id.name;
      return;
    case 'ImportDeclaration':
      for (const { local } of statement.specifiers) yield local.name;
  }
}

/** The declaration inside an `export`, or the statement itself. */
export function exported(statement: AnyNode): AnyNode {
  if (statement.type === 'ExportNamedDeclaration') return statement.declaration ?? statement;
  return statement.type === 'ExportDefaultDeclaration' ? statement.declaration : statement;
}

/** A statement that holds statements. */
export function isCompound(node: AnyNode): boolean {
  return COMPOUND.has(node.type);
}

const COMPOUND = new Set([
  'BlockStatement',
  'IfStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'WhileStatement',
  'DoWhileStatement',
  'TryStatement',
  'CatchClause',
  'SwitchStatement',
  'SwitchCase',
  'LabeledStatement',
  'WithStatement',
]);
