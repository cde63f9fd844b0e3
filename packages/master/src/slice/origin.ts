/**
 * From executed text to the source that somebody wrote, by the text's source map. Master only.
 */
import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Script } from './inspect.js';
import { positionAt } from './syntax.js';

/** A place in a source file. Units: line and column count from 1. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where a script came from. */
export interface Origins {
  /** The executed file as an absolute path; undefined for `eval` and the like. */
  readonly file: string | undefined;
  /** The map from the executed text, its sources absolute paths; undefined: it is the source. */
  readonly map: SourceMapPayload | undefined;
  at(offset: number): Origin;
}

export function readOrigins({ url, text, sourceMapUrl }: Script): Origins {
  const file = filePath(url);
  const map = file === undefined ? undefined : readMap(sourceMapUrl, file);
  const sourceMap = map && new SourceMap(map);
  const at = (offset: number): Origin => {
    const { line, column } = positionAt(text, offset);
    const entry = sourceMap?.findEntry(line, column);
    if (entry && 'originalSource' in entry && entry.originalSource) {
      const { originalSource, originalLine, originalColumn } = entry;
      return { file: originalSource, line: originalLine + 1, column: originalColumn + 1 };
    }
    return { file: file ?? (url || '<eval>'), line: line + 1, column: column + 1 };
  };
  return { file, map, at };
}

export function describeOrigin({ file, line, column }: Origin): string {
  return `${file}:${line}:${column}`;
}

/** The query that loaders add to a file's URL is no part of its path. */
function filePath(url: string): string | undefined {
  if (url.startsWith('file:')) return fileURLToPath(url);
  return isAbsolute(url) ? url : undefined;
}

/** A map that cannot be read is as good as none: positions are then those of the executed text. */
function readMap(url: string, file: string): SourceMapPayload | undefined {
  if (url === '') return undefined;
  try {
    const inline = /^data:[^,]*?(;base64)?,(.*)$/s.exec(url);
    const mapFile = inline ? file : resolve(dirname(file), decodeURIComponent(url));
    const json = inline ? decodeData(inline[2]!, inline[1]) : readFileSync(mapFile, 'utf8');
    const map: SourceMapPayload = JSON.parse(json);
    const root = resolve(dirname(mapFile), map.sourceRoot ?? '');
    const sources = map.sources.map((source) => filePath(source) ?? resolve(root, source));
    return { ...map, sourceRoot: '', sources };
  } catch {
    // A map that is missing or malformed: places stay those of the code that runs.
    return undefined;
  }
}

function decodeData(data: string, isBase64: string | undefined): string {
  return isBase64 ? Buffer.from(data, 'base64').toString() : decodeURIComponent(data);
}
