/** Which file a path stands for: `./x.js` beside an `x.ts` and no `x.js` means the latter. Master only. */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';

/** Endings as imports write them, and those of the sources that they may stand for. */
const TYPESCRIPT_ENDINGS: Record<string, readonly string[]> = {
  '.js': ['.ts', '.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
  '.jsx': ['.tsx'],
};

/** The file itself, or the source that it stands for, as TypeScript and tsx have it. */
export function sourceFile(path: string): string | undefined {
  if (existsSync(path)) return path;
  const ending = extname(path);
  const stem = path.slice(0, path.length - ending.length);
  return TYPESCRIPT_ENDINGS[ending]?.map((other) => stem + other).find(existsSync);
}
