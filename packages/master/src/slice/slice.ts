/**
 * The text of one function's slice: the function, what it reaches, and its export, with those of the
 * functions that it reaches by name. Master only; pure.
 *
 * Invariant: evaluating a slice runs nothing that the file runs on its own.
 */
import type { VariableDeclaration } from 'acorn';
import { assemble, type Mark } from './assemble.js';
import { declaredNames, exported } from './declarations.js';
import { ALL_EXPORTS, isExportName } from './exports.js';
import { helperNames } from './helpers.js';
import type { FilePieces, Piece } from './pieces.js';
import { covers, type Obstacle, overlaps, type Range, type Reach, reachFrom } from './reach.js';
import type { TopStatement } from './syntax.js';
import { type Cut, DEFAULT_EXPORT, type Place } from './target.js';

export interface Slice {
  readonly text: string;
  /** From `module.exports` to the function. */
  readonly path: readonly string[];
  /** Where there are any, the text is of no use. */
  readonly obstacles: readonly Obstacle[];
}

export function slicePlace(file: FilePieces, place: Place): Slice {
  const path = ['default', ...place.path];
  if (place.name !== DEFAULT_EXPORT) {
    const reach = reachFrom(file, { names: [place.name] });
    return {
      text: textOf(file, reach) + exportOf(file, place.name) + exportHelpers(file, reach),
      path,
      obstacles: reach.obstacles,
    };
  }
  const statement = file.syntax.body.find((one) => one.type === 'ExportDefaultDeclaration')!;
  const reach = reachFrom(file, { ranges: [statement] });
  const text = textOf(file, reach, [statement]) + exportHelpers(file, reach);
  return { text, path, obstacles: reach.obstacles };
}

export function sliceCut(file: FilePieces, cut: Cut): Slice {
  const { range, ownName, variable, place, isMember } = cut;
  const reach = reachFrom(file, { ranges: [range], ownName });
  const callsItself = reach.obstacles.some(({ name }) => name === variable?.name);
  if (variable && callsItself && !file.top.names.has(variable.name)) {
    const ownReach = reachFrom(file, { ranges: [variable], ownName: variable.name });
    return sliceExpression(file, ownReach, { range: variable, name: variable.name, start: '' });
  }
  const isNeeded = [...reach.pieces].some((piece) => overlaps(piece, range));
  if (isNeeded && place) return slicePlace(file, place);
  const name = unusedName(file.syntax.text);
  const expression = { range, name, start: `${name}=${isMember ? '{' : ''}`, isMember, isNeeded };
  return sliceExpression(file, reach, expression);
}

/**
 * The whole file as other modules of a bundle import it: all exports, and nothing that runs on its
 * own.
 */
export function sliceExports(file: FilePieces): Slice {
  const { body, isModule } = file.syntax;
  if (!isModule) {
    const reach = reachFrom(file, { names: [ALL_EXPORTS] });
    return { text: textOf(file, reach), path: [], obstacles: reach.obstacles };
  }
  const statements = body.filter((one) => one.type.startsWith('Export'));
  const names = statements.flatMap(exportedNames);
  const reach = reachFrom(file, { names, ranges: statements });
  return { text: textOf(file, reach, statements), path: [], obstacles: reach.obstacles };
}

interface CutExpression {
  readonly range: Range;
  /** The variable that gets the value. */
  readonly name: string;
  readonly start: string;
  readonly isMember?: boolean;
  /** The text also stays where it is, so the expression follows as a copy. */
  readonly isNeeded?: boolean;
}

function sliceExpression(file: FilePieces, reach: Reach, cut: CutExpression): Slice {
  const { range, name, start, isMember = false } = cut;
  const end = isMember ? '};' : ';';
  const marks = [
    { at: Math.max(0, range.start - start.length), text: start },
    { at: range.end, text: end },
  ];
  const copy = `\n${start}${file.syntax.text.slice(range.start, range.end)}${end}`;
  const text = cut.isNeeded ? textOf(file, reach) + copy : textOf(file, reach, [range], marks);
  const value = isMember ? `${name}[Reflect.ownKeys(${name})[0]]` : name;
  const ending = `\nvar ${name};${exportOf(file, value)}${exportHelpers(file, reach)}`;
  return { text: text + ending, path: ['default'], obstacles: reach.obstacles };
}

/** The file with nothing but directives, what is reached, and `extra`. */
function textOf(
  { syntax }: FilePieces,
  reach: Reach,
  extra: readonly Range[] = [],
  extraMarks: readonly Mark[] = [],
): string {
  const kept: Range[] = [...extra];
  const marks: Mark[] = [...extraMarks];
  for (const statement of syntax.body) {
    if (statement.type === 'ExpressionStatement' && statement.directive) kept.push(statement);
  }
  const lists = new Map<VariableDeclaration, Piece[]>();
  for (const piece of reach.pieces) {
    if (extra.some((range) => covers(range, piece))) continue;
    kept.push(piece);
    if (piece.list) lists.set(piece.list, [...(lists.get(piece.list) ?? []), piece]);
    else if (!piece.endsItself && syntax.text[piece.end - 1] !== ';')
      marks.push({ at: piece.end, text: ';' });
  }
  for (const [list, parts] of lists) {
    kept.push({ start: list.start, end: list.declarations[0]!.start });
    const last = Math.max(...parts.map((part) => part.end));
    for (const { end } of parts) marks.push({ at: end, text: end === last ? ';' : ',' });
  }
  return assemble(syntax.text, kept, marks);
}

/** The statement that exports `value` as `default`. */
function exportOf({ syntax }: FilePieces, value: string): string {
  if (/^[\w$]+$/.test(value) && syntax.isModule) return `\nexport { ${value} as default };\n`;
  if (syntax.isModule) return `\nexport default ${value};\n`;
  const isOwnExport = isExportName(value);
  const member = value === ALL_EXPORTS ? 'module.exports' : `module.${value}`;
  return `\nmodule.exports.default = ${isOwnExport ? member : value};\n`;
}

/** The statement that exports, under their names, what the function may call in other contexts. */
function exportHelpers(file: FilePieces, reach: Reach): string {
  const names = helperNames(reach);
  if (names.length === 0) return '';
  if (file.syntax.isModule) return `export { ${names.join(', ')} };\n`;
  return names.map((name) => `module.exports.${name} = ${name};\n`).join('');
}

/** A name of one character where possible, so that it fits between what is kept. */
function unusedName(text: string): string {
  const used = new Set(text.match(/[\w$]+/g));
  const isFree = (name: string) => !used.has(name);
  return ['$', '_', 'k', 'K', 'z', 'Z', '$_', '_$', '$k', '$kinetin'].find(isFree) ?? '$kinetin$';
}

/** The local names that an `export` statement gives out. */
function exportedNames(statement: TopStatement): string[] {
  if (statement.type !== 'ExportNamedDeclaration') return [...declaredNames(exported(statement))];
  if (statement.declaration) return [...declaredNames(statement.declaration)];
  if (statement.source) return [];
  return statement.specifiers.map(({ local }) =>
    'name' in local ? local.name : String(local.value),
  );
}
