/**
 * Which pieces of a file a function needs, transitively, and what stands in the way.
 * Master only; pure.
 */
import { ALL_EXPORTS, isExportName } from './exports.js';
import type { FilePieces, Piece } from './pieces.js';
import type { Reference } from './scope.js';

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A name that cannot travel. */
export interface Obstacle {
  readonly name: string;
  /** Where the name is used, or where the code that hinders stands. */
  readonly offset: number;
  readonly reason: 'enclosing' | 'awaits' | 'changed';
}

export interface Reach {
  readonly pieces: ReadonlySet<Piece>;
  /** The top-level names that are used. */
  readonly names: ReadonlySet<string>;
  readonly obstacles: readonly Obstacle[];
}

/** Where the search starts. */
export interface Needs {
  /** Top-level names. */
  readonly names?: readonly string[];
  /** Code that leaves its file: names declared around it stand in the way. */
  readonly ranges?: readonly Range[];
  /** A name that this code declares itself when it has left. */
  readonly ownName?: string | undefined;
}

export function reachFrom(file: FilePieces, { names = [], ranges = [], ownName }: Needs): Reach {
  const search = new Search(file);
  for (const name of names) search.want({ name, isWrite: false });
  for (const range of ranges) {
    for (const reference of file.referencesIn(range.start, range.end)) {
      if (isInside(reference, range)) continue;
      if (reference.scope === file.top) search.want(reference);
      else if (reference.scope && reference.name !== ownName) {
        search.refuse(reference.name, reference.start, 'enclosing');
      }
    }
  }
  return search.run();
}

export function overlaps(a: Range, b: Range): boolean {
  return a.start < b.end && b.start < a.end;
}

export function covers(outer: Range, inner: Range): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

class Search implements Reach {
  readonly pieces = new Set<Piece>();
  readonly names = new Set<string>();
  readonly obstacles: Obstacle[] = [];
  readonly #file: FilePieces;

  constructor(file: FilePieces) {
    this.#file = file;
  }

  want({ name, isWrite }: Pick<Reference, 'name' | 'isWrite'>): void {
    // A list such as `exports.a = exports.b = void 0` needs none of the exports it prepares.
    if (!(isWrite && isExportName(name))) this.names.add(name);
  }

  refuse(name: string, offset: number, reason: Obstacle['reason']): void {
    if (this.obstacles.some((other) => other.name === name && other.reason === reason)) return;
    this.obstacles.push({ name, offset, reason });
  }

  /** A Set visits what is added during the walk, so this ends when nothing new is wanted. */
  run(): this {
    for (const name of this.names) {
      for (const piece of this.#providers(name)) this.#take(piece, name);
    }
    return this;
  }

  #providers(name: string): readonly Piece[] {
    const { providers } = this.#file;
    const found = providers.get(name) ?? [];
    const hasValue = found.some((piece) => !isPlaceholder(piece, this.#file));
    if (!isExportName(name) || (hasValue && name !== ALL_EXPORTS)) return found;
    return [...providers.keys()].filter(isExportName).flatMap((key) => providers.get(key)!);
  }

  #take(piece: Piece, name: string): void {
    if (this.pieces.has(piece)) return;
    this.pieces.add(piece);
    if (piece.effects?.isQuiet === false) return this.refuse(name, piece.start, 'changed');
    if (this.#file.awaits.some((offset) => piece.start <= offset && offset < piece.end)) {
      return this.refuse(name, piece.start, 'awaits');
    }
    for (const reference of this.#file.referencesIn(piece.start, piece.end)) {
      if (reference.scope === this.#file.top) this.want(reference);
    }
  }
}

/** `exports.a = void 0`: gives the export no value. */
function isPlaceholder(piece: Piece, file: FilePieces): boolean {
  return /=\s*void 0;?$/.test(file.syntax.text.slice(piece.start, piece.end));
}

/** Whether the name is declared within the range. */
function isInside({ scope }: Reference, range: Range): boolean {
  return scope !== undefined && covers(range, scope.node);
}
