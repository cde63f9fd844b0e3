/** A root file system that holds a static busybox and nothing else: for chroots without Node. */

import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const BUSYBOX = '/bin/busybox';

export interface BareRoot {
  readonly folder: string;
  /** Puts a program into it, as text for its shell. */
  addScript(path: string, text: string): Promise<void>;
  remove(): Promise<void>;
}

export function canMakeBareRoot(): boolean {
  return process.getuid?.() === 0 && existsSync(BUSYBOX);
}

/** Owned by root all the way up, as sshd wants it of a ChrootDirectory. */
export async function makeBareRoot(): Promise<BareRoot> {
  const folder = await mkdtemp('/var/lib/kinetin-bare-');
  await chmod(folder, 0o755);
  for (const name of ['bin', 'dev', 'tmp', 'usr/bin']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await copyFile(BUSYBOX, join(folder, 'bin/busybox'));
  await symlink('busybox', join(folder, 'bin/sh'));
  await writeFile(join(folder, 'dev/null'), '');
  const addScript = async (path: string, text: string) => {
    await writeFile(join(folder, path), `#!/bin/sh\n${text}\n`);
    await chmod(join(folder, path), 0o755);
  };
  // The login shell of the account, whatever its name, is busybox too.
  await addScript('bin/bash', 'exec /bin/sh "$@"');
  return { folder, addScript, remove: () => rm(folder, { recursive: true }) };
}
