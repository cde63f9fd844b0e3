/** What the doctor calls in the context that it has started: runs there, on Node 12.22 and later. */

import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The interpreter that runs there, and the bytes of all files beside it. */
export function ownRuntime(): { path: string; bytes: number } {
  const folder = dirname(process.execPath);
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  return { path: process.execPath, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
