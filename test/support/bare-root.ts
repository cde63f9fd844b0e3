/** A root file system that holds a static busybox and nothing else: for chroots without Node. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BUSYBOX = '/bin/busybox';

/** The user of every root beside root: no other account of this machine has this id. */
export const BARE_USER = { name: 'guest', uid: 64123, home: '/home/guest' };

export interface BareRootOptions {
  /** A small busybox system: every program of busybox by its name, devices, accounts, a home. */
  system?: boolean;
  /** Programs that are to be missing, as in `['gzip']`. */
  without?: string[];
}

export interface BareRoot {
  readonly folder: string;
  /** Puts a program into it, as text for its shell. */
  addScript(path: string, text: string): Promise<void>;
  /** Mounts a file system of its own: `mount('dev/shm', 'size=1m,noexec')`. Unmounted by `remove`. */
  mount(path: string, options: string, type?: string): Promise<void>;
  /** From now on it can be read only, but for what was mounted. */
  makeReadOnly(): Promise<void>;
  /** Copies the libraries of a program in it from this machine, to where they are here. */
  addLibraries(path: string): Promise<void>;
  /** Runs a shell command in it, as root; resolves to what it prints. */
  sh(command: string): Promise<string>;
  remove(): Promise<void>;
}

export function canMakeBareRoot(): boolean {
  return process.getuid?.() === 0 && existsSync(BUSYBOX);
}

/** Owned by root all the way up, as sshd wants it of a ChrootDirectory. */
export async function makeBareRoot(options: BareRootOptions = {}): Promise<BareRoot> {
  const { system = false, without = [] } = options;
  const folder = await mkdtemp('/var/lib/kinetin-bare-');
  await chmod(folder, 0o755);
  for (const name of ['bin', 'dev', 'tmp', 'usr/bin']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await copyFile(BUSYBOX, join(folder, 'bin/busybox'));
  const sh = async (command: string) =>
    (await run('/usr/sbin/chroot', [folder, '/bin/busybox', 'sh', '-c', command])).stdout;
  const addScript = async (path: string, text: string) => {
    await writeFile(join(folder, path), `#!/bin/sh\n${text}\n`);
    await chmod(join(folder, path), 0o755);
  };
  if (system) await makeSystem(folder, sh);
  else {
    await symlink('busybox', join(folder, 'bin/sh'));
    await writeFile(join(folder, 'dev/null'), '');
  }
  for (const program of without) await rm(join(folder, 'bin', program));
  // The login shell of the account, whatever its name, is busybox too.
  await addScript('bin/bash', 'exec /bin/sh "$@"');
  const mounts: string[] = [];
  if (system) {
    // A mount of its own, which can be made read-only.
    await run('mount', ['--bind', folder, folder]);
    mounts.push(folder);
  }
  return {
    folder,
    addScript,
    sh,
    async mount(path, mountOptions, type = 'tmpfs') {
      const target = join(folder, path);
      await mkdir(target, { recursive: true });
      await run('mount', ['-t', type, '-o', mountOptions, type, target]);
      mounts.unshift(target);
    },
    makeReadOnly: async () => void (await run('mount', ['-o', 'remount,bind,ro', folder])),
    async addLibraries(path) {
      const { stdout } = await run('ldd', [join(folder, path)]);
      for (const [library] of stdout.matchAll(/\/\S+(?= \()/g)) {
        await mkdir(dirname(join(folder, library)), { recursive: true });
        await copyFile(library, join(folder, library));
      }
    },
    async remove() {
      // Lazily: a process that is ending may still be in it.
      for (const target of mounts) await run('umount', ['-l', target]);
      await rm(folder, { recursive: true, maxRetries: 20 });
    },
  };
}

async function makeSystem(folder: string, sh: (command: string) => Promise<string>): Promise<void> {
  const { name, uid, home } = BARE_USER;
  for (const path of ['etc', 'root', 'var/tmp', home]) {
    await mkdir(join(folder, path), { recursive: true });
  }
  await sh('/bin/busybox --install -s /bin');
  await sh(
    'mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9; chmod 1777 /tmp /var/tmp',
  );
  const users = [`root:x:0:0:root:/root:/bin/sh`, `${name}:x:${uid}:${uid}:guest:${home}:/bin/sh`];
  await writeFile(join(folder, 'etc/passwd'), `${users.join('\n')}\n`);
  await writeFile(join(folder, 'etc/group'), `root:x:0:\n${name}:x:${uid}:\n`);
  await writeFile(join(folder, 'etc/hosts'), '127.0.0.1 localhost bare\n');
  await chown(join(folder, home), uid, uid);
}
