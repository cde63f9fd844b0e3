/** What the checks share: where the project is, and which files it has. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const NOT_OURS = new Set(['node_modules', 'dist', '.git', '.bench']);

/** Sorted paths, relative to the project with `/`, of the files below `folder` that match. */
export function listFiles(folder: string, pattern: RegExp): string[] {
  const paths = readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return listFiles(path, pattern);
    return pattern.test(path) ? [path] : [];
  });
  return paths.sort();
}

/** Prints the complaints, if any, else `success`; sets the exit status of this program. */
export function report(complaints: readonly string[], success: string): void {
  for (const complaint of complaints) console.error(complaint);
  if (complaints.length > 0) process.exitCode = 1;
  else console.log(success);
}
