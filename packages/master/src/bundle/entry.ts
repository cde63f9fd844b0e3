/**
 * The name of what is bundled, as esbuild is told it: the file's name with a mark, so that a module
 * that imports the whole file gets another module than the slice. Master only.
 */

export const ENTRY_MARK = '#slice';

/** A path as people know it. */
export function withoutMark(path: string): string {
  return path.endsWith(ENTRY_MARK) ? path.slice(0, -ENTRY_MARK.length) : path;
}
