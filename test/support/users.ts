/**
 * Real users of this system, with the login shells that people have. Needs root; for machines that
 * exist for tests.
 */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './processes.js';

const run = promisify(execFile);

export type ShellName = 'bash' | 'dash' | 'zsh' | 'fish' | 'tcsh';

export interface UserOptions {
  /** @defaultValue 'bash' */
  shell?: ShellName;
  /** Without one, the user can log in with a key only. */
  password?: string;
  /** Text that the shell prints on stdout and stderr when it starts, for each command. */
  noise?: string;
}

export interface TestUser extends AsyncDisposable {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
  /** Removes the user with the home folder, and ends what runs as that user. Idempotent. */
  remove(): Promise<void>;
}

/** Where a shell that sshd starts for a command reads its settings; dash reads none. */
const RC_FILES: Record<ShellName, string | undefined> = {
  bash: '.bashrc',
  dash: undefined,
  zsh: '.zshenv',
  fish: '.config/fish/config.fish',
  tcsh: '.tcshrc',
};

export function hasShell(shell: ShellName): boolean {
  return shellPath(shell) !== undefined;
}

export async function addUser(options: UserOptions = {}): Promise<TestUser> {
  const { shell = 'bash', password, noise } = options;
  const path = shellPath(shell);
  if (path === undefined) throw new Error(`there is no ${shell} on this machine`);
  const name = `kinetin-${shell}-${randomBytes(3).toString('hex')}`;
  const home = `/home/${name}`;
  // '*' is no password, but unlike '!' not a locked account, which sshd would refuse to all keys.
  const hash = password === undefined ? '*' : await hashPassword(password);
  await retryLocked('useradd', ['-m', '-d', home, '-s', path, '-p', hash, name]);
  let removal: Promise<void> | undefined;
  const remove = () => {
    removal ??= endProcesses(name).then(() => retryLocked('userdel', ['-r', '-f', name]));
    return removal;
  };
  const rcFile = RC_FILES[shell];
  if (noise !== undefined && rcFile !== undefined) await writeNoise(join(home, rcFile), noise);
  return { name, home, shell: path, remove, [Symbol.asyncDispose]: remove };
}

function shellPath(shell: ShellName): string | undefined {
  return [`/bin/${shell}`, `/usr/bin/${shell}`].find((path) => existsSync(path));
}

async function hashPassword(password: string): Promise<string> {
  const hashing = run('openssl', ['passwd', '-6', '-stdin']);
  hashing.child.stdin?.end(password);
  return (await hashing).stdout.trim();
}

async function writeNoise(file: string, noise: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const quoted = `'${noise.replaceAll("'", "'\\''")}'`;
  // Runs in all of the shells; `sh -c` because csh cannot redirect stdout to stderr.
  await writeFile(file, `echo ${quoted}\nsh -c 'echo "$0" >&2' ${quoted}\n`, { mode: 0o644 });
}

/** Resolves when nothing runs as the user any more, which could still write to the home folder. */
async function endProcesses(name: string): Promise<void> {
  await until(`the processes of ${name} are gone`, async () => {
    // Both fail where there is none.
    await run('pkill', ['-KILL', '-u', name]).catch(() => {});
    const listed = await run('ps', ['-u', name, '-o', 'stat=']).catch(() => ({ stdout: '' }));
    // What is dead may wait for its parent to notice.
    return !/^[^Z\s]/m.test(listed.stdout);
  });
}

/** The user database is locked while somebody else changes it. */
async function retryLocked(command: string, args: string[], attempts = 300): Promise<void> {
  try {
    await run(command, args);
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    // userdel tells of a missing mail spool, or of processes that it was told to ignore.
    if (command === 'userdel' && !/lock/.test(stderr) && !/not removed/.test(stderr)) return;
    if (attempts === 0 || !/lock/.test(stderr)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 200));
    await retryLocked(command, args, attempts - 1);
  }
}
