/**
 * The top level of a file as pieces that a slice takes or leaves. Master only; pure.
 *
 * A piece is one import, one declaration (of a list `const a = 1, b = 2` each part) or one
 * statement that changes declared names. Everything else at the top level runs on its own and is no
 * piece.
 */
import type { AnyNode, VariableDeclaration } from 'acorn';
import { declaredNames, exported, patternNames } from './declarations.js';
import { type Effects, effectsOf, isCollection, type TopNames } from './effects.js';
import { resolveNames } from './resolve.js';
import type { Reference, Resolution } from './scope.js';
import type { Syntax, TopStatement } from './syntax.js';

export interface Piece {
  readonly start: number;
  readonly end: number;
  /** The list that the piece is a part of. */
  readonly list?: VariableDeclaration;
  /** The statement at the top level, with its `export`. */
  readonly statement: TopStatement;
  readonly declares: readonly string[];
  /** Needs no semicolon, whatever follows. */
  readonly endsItself: boolean;
  readonly effects?: Effects;
}

/** A file, read once and then sliced any number of times. */
export interface FilePieces extends Resolution {
  readonly syntax: Syntax;
  readonly pieces: readonly Piece[];
  /** The pieces that declare or change a top-level name. */
  readonly providers: ReadonlyMap<string, readonly Piece[]>;
  /** References that start in [start, end). */
  referencesIn(start: number, end: number): readonly Reference[];
}

export function readPieces(syntax: Syntax): FilePieces {
  const resolution = resolveNames(syntax);
  const names = topNames(syntax, resolution);
  const pieces = syntax.body.flatMap((statement) => piecesOf(statement, names));
  const providers = new Map<string, Piece[]>();
  for (const piece of pieces) {
    for (const name of new Set([...piece.declares, ...(piece.effects?.changes ?? [])])) {
      const others = providers.get(name);
      if (others) others.push(piece);
      else providers.set(name, [piece]);
    }
  }
  const { references } = resolution;
  const referencesIn = (start: number, end: number) =>
    references.slice(firstFrom(references, start), firstFrom(references, end));
  return { ...resolution, syntax, pieces, providers, referencesIn };
}

function piecesOf(statement: TopStatement, names: TopNames): Piece[] {
  const node = exported(statement);
  if (node.type === 'VariableDeclaration') {
    return node.declarations.map((part) => {
      const declares = Array.from(patternNames(part.id), (identifier) => identifier.name);
      return {
        start: part.start,
        end: part.end,
        list: node,
        statement,
        declares,
        endsItself: true,
      };
    });
  }
  const { start, end } = node;
  const declares = [...declaredNames(node)];
  const endsItself = /^(Function|Class)/.test(node.type);
  if (declares.length > 0) return [{ start, end, statement, declares, endsItself }];
  if (node !== statement || isModuleSyntax(statement)) return [];
  const effects = effectsOf(statement, names);
  return effects.changes.size > 0 ? [{ start, end, statement, declares, endsItself, effects }] : [];
}

function topNames(syntax: Syntax, { references, top }: Resolution): TopNames {
  const collections = new Set<string>();
  for (const statement of syntax.body) {
    const node = exported(statement);
    if (node.type !== 'VariableDeclaration') continue;
    for (const { id, init } of node.declarations) {
      if (id.type === 'Identifier' && isCollection(init)) collections.add(id.name);
    }
  }
  const topNameAt = (offset: number) => {
    const reference = references[firstFrom(references, offset)];
    return reference?.start === offset && reference.scope === top ? reference.name : undefined;
  };
  return { collections, topNameAt };
}

function isModuleSyntax(node: AnyNode): boolean {
  return /^(Import|Export)/.test(node.type) && node.type !== 'ImportExpression';
}

/** The index of the first reference at or after an offset. */
function firstFrom(references: readonly Reference[], offset: number): number {
  let low = 0;
  let high = references.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (references[middle]!.start < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
