/**
 * The name of what is bundled, as esbuild is told it: the file's name with a mark, so that a module
 * that imports the whole file gets another module than the slice. Master only.
 */

/** The name of a text that is of no file. */
export const UNNAMED = '[eval]';

const MARK = '#slice';
/** By its ending, esbuild takes what it imports of CommonJS as Node does in ES modules. */
const MODULE_MARK = `${MARK}.mjs`;
const ANY_MARK = /#slice(?:\.mjs)?$/;

/** `isModule`: whether the text runs as an ES module in this program. */
export function withMark(file: string, isModule: boolean): string {
  return file + (isModule ? MODULE_MARK : MARK);
}

export const hasMark = (path: string): boolean => ANY_MARK.test(path);

/** A path as people know it. */
export function withoutMark(path: string): string {
  return path.replace(ANY_MARK, '');
}
