/**
 * Pushed: part of the `runtime` bundle. Called through CALL_MAIN.
 *
 * Removes what was stored for the account that this process runs under, by whomever.
 */

import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** What was removed. */
export interface Forgotten {
  /** Folders, with all that was in them. */
  paths: string[];
  bytes: number;
}

/** Processes that run from what is removed go on. Throws where something cannot be removed. */
export function forgetRuntime(): Forgotten {
  const forgotten: Forgotten = { paths: [], bytes: 0 };
  const { getuid } = process;
  if (!getuid) return forgotten;
  for (const folder of folders(getuid())) {
    const stats = statsOf(folder);
    if (!stats?.isDirectory() || stats.uid !== getuid()) continue;
    forgotten.bytes += remove(folder);
    forgotten.paths.push(folder);
  }
  return forgotten;
}

/** The places of host-script.ts. */
function folders(uid: number): string[] {
  const { XDG_CACHE_HOME, HOME, XDG_RUNTIME_DIR, TMPDIR } = process.env;
  const cache = XDG_CACHE_HOME || (HOME && join(HOME, '.cache')) || '';
  const others = [XDG_RUNTIME_DIR, `/run/user/${uid}`, '/dev/shm', TMPDIR, '/tmp', '/var/tmp'];
  return [
    join(cache, 'kinetin'),
    ...others.map((folder) => join(folder || '', `kinetin-${uid}`)),
  ].filter(isAbsolute);
}

const statsOf = (path: string): ReturnType<typeof lstatSync> | undefined => {
  try {
    return lstatSync(path);
  } catch {
    // Not there, or not for this account.
    return undefined;
  }
};

/** Returns the bytes of the files. Follows no link. */
function remove(path: string): number {
  const stats = statsOf(path);
  if (!stats) return 0;
  try {
    if (!stats.isDirectory()) {
      unlinkSync(path);
      return Number(stats.size);
    }
    const bytes = readdirSync(path).reduce((sum, name) => sum + remove(join(path, name)), 0);
    rmdirSync(path);
    return bytes;
  } catch (error) {
    // Somebody else removes it at the same time.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
