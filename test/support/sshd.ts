/**
 * A real OpenSSH server for tests: its own configuration, keys and port, on 127.0.0.1 only. The
 * users are the system's; `addUser` makes some.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { killIfAlive } from './processes.js';

export { addUser, hasShell, type ShellName, type TestUser, type UserOptions } from './users.js';

const run = promisify(execFile);
const SSHD = '/usr/sbin/sshd';

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa';

export interface SshdOptions {
  /** @defaultValue ['ed25519'] */
  hostKeys?: KeyType[];
  /** Lines of sshd_config that win over the fixture's own: `MaxStartups 10:30:100`. */
  extraConfig?: string[];
}

export interface Sshd extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The user that the tests run as, who may log in with `identityFile`. */
  readonly username: string;
  /** For the test's own files; removed by `stop`. */
  readonly folder: string;
  /** An ed25519 key that every user may log in with. */
  readonly identityFile: string;
  /** Has all of the host keys of this server, and nothing else. */
  readonly knownHostsFile: string;
  /** A host key as `type base64`. */
  hostKey(type?: KeyType): string;
  /** Lets every user log in with this line of an authorized_keys file. */
  authorize(line: string): void;
  /** What sshd has logged so far. */
  log(): string;
  /** Ends the server and its connections, and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

/** Options of `router.ssh` with which a login works, and nothing of the user's own is read. */
export const loginOptions = (sshd: Sshd) => ({
  hostname: sshd.host,
  port: sshd.port,
  username: sshd.username,
  identityFile: sshd.identityFile,
  knownHosts: sshd.knownHostsFile,
  agent: false as const,
});

/** Whether this machine can run the fixture: Linux or macOS with OpenSSH, as root. */
export function canRunSshd(): boolean {
  return existsSync(SSHD) && process.getuid?.() === 0;
}

/** Makes a key pair without a passphrase, unless one is given; resolves to the private file. */
export async function makeKey(
  file: string,
  type: KeyType,
  { passphrase = '', extra = [] as string[] } = {},
): Promise<string> {
  const size = type === 'rsa' ? ['-b', '2048'] : [];
  await run('ssh-keygen', ['-q', '-t', type, ...size, '-N', passphrase, ...extra, '-f', file]);
  return file;
}

export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const { hostKeys = ['ed25519'], extraConfig = [] } = options;
  // Not in TMPDIR: sshd reads authorized_keys as the user who logs in, and the path of a socket is short.
  const folder = await mkdtemp('/tmp/kinetin-sshd-');
  await chmod(folder, 0o755);
  mkdirSync('/run/sshd', { recursive: true });
  const publicKeys = new Map<KeyType, string>();
  for (const type of hostKeys) {
    const file = await makeKey(join(folder, `host_${type}`), type);
    publicKeys.set(type, (await readFile(`${file}.pub`, 'utf8')).split(' ').slice(0, 2).join(' '));
  }
  const identityFile = await makeKey(join(folder, 'id_client'), 'ed25519');
  const authorizedKeys = join(folder, 'authorized_keys');
  await writeFile(authorizedKeys, await readFile(`${identityFile}.pub`));
  const config = [
    ...extraConfig, // The first line that names an option wins.
    ...hostKeys.map((type) => `HostKey ${join(folder, `host_${type}`)}`),
    `AuthorizedKeysFile ${authorizedKeys}`,
    'ListenAddress 127.0.0.1',
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'MaxAuthTries 20',
  ];
  const { port, log, stop } = await launch(folder, config);
  const knownHostsFile = join(folder, 'known_hosts');
  const lines = [...publicKeys.values()].map((key) => `[127.0.0.1]:${port} ${key}\n`);
  await writeFile(knownHostsFile, lines.join(''));
  return {
    host: '127.0.0.1',
    port,
    username: userInfo().username,
    folder,
    identityFile,
    knownHostsFile,
    hostKey: (type = hostKeys[0]!) => publicKeys.get(type)!,
    authorize: (line) => appendFileSync(authorizedKeys, `${line.trim()}\n`),
    log,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Another process may take the free port before sshd does, so tries again with another one. */
async function launch(folder: string, config: string[], attempts = 5) {
  const port = await freePort();
  const file = join(folder, 'sshd_config');
  await writeFile(file, [`Port ${port}`, ...config, ''].join('\n'));
  const sshd = spawn(SSHD, ['-D', '-e', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const lines: string[] = [];
  const log = () => lines.join('\n');
  if (!(await hasStarted(sshd, lines))) {
    if (attempts > 0 && /Address already in use/.test(log())) {
      return launch(folder, config, attempts - 1);
    }
    await rm(folder, { recursive: true, force: true });
    throw new Error(`sshd has not started:\n${log()}`);
  }
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopSshd(sshd, folder);
    return stopping;
  };
  return { port, log, stop };
}

function hasStarted(sshd: ChildProcess, lines: string[]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    sshd.once('error', reject);
    const reader = createInterface({ input: sshd.stderr! });
    reader.on('line', (line) => {
      lines.push(line);
      if (line.startsWith('Server listening on')) resolve(true);
    });
    reader.once('close', () => resolve(false));
  });
}

async function stopSshd(sshd: ChildProcess, folder: string): Promise<void> {
  if (sshd.exitCode === null && sshd.signalCode === null) {
    const exited = once(sshd, 'exit');
    const connections = await descendants(sshd.pid!);
    sshd.kill();
    await exited;
    // Each is a session of its own, and outlives the server.
    for (const pid of connections) killIfAlive(pid);
  }
  sshd.stderr?.destroy(); // A process that a test left behind may hold it open.
  await rm(folder, { recursive: true, force: true });
}

/** The sshd processes below one; what they run for their users ends with its input. */
async function descendants(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,comm=']);
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const below = (parent: number): number[] =>
    rows
      .filter(
        ([, ppid, command]) => Number(ppid) === parent && /\bsshd(-\w+)?$/.test(command ?? ''),
      )
      .flatMap(([child]) => [Number(child), ...below(Number(child))]);
  return below(pid);
}
