/**
 * Remote stacks in terms of the user's own files. Master only.
 *
 * Contexts evaluate each pushed module under a file name made of its hash; the module's source map
 * never leaves the master.
 */
import { SourceMap } from 'node:module';

/** A pushed module's file name (`moduleFileName` of the core), whatever path a loader added to it, with line and column. */
const PUSHED_PLACE = /kinetin:([0-9a-f]{16})(?:[/#?][^\s():]*)?:(\d+):(\d+)/g;

/**
 * Replaces places in pushed modules by the places in source files that they come from.
 *
 * `mapOf` gets the digits of the hash that a file name carries and gives the module's source map as
 * JSON. Places without a map, or that the map does not know, stay as they are.
 */
export function mapStack(stack: string, mapOf: (hash: string) => string | undefined): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(PUSHED_PLACE, (place, hash: string, line: string, column: string) => {
    if (!maps.has(hash)) maps.set(hash, readMap(mapOf(hash)));
    const entry = maps.get(hash)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (!entry || !('originalSource' in entry) || !entry.originalSource) return place;
    return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

function readMap(json: string | undefined): SourceMap | undefined {
  return json === undefined ? undefined : new SourceMap(JSON.parse(json));
}
