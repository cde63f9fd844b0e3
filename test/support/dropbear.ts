/**
 * A real dropbear, the SSH server of small systems, inside a bare root: what logs in there sees busybox
 * and nothing else. The server brings its libraries in a folder of its own, started by their loader.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { SshContextOptions } from '@kinetin/master';
import { BARE_USER, type BareRoot } from './bare-root.js';
import { freePort } from './free-port.js';
import { killIfAlive } from './processes.js';
import { makeKey } from './sshd.js';

const run = promisify(execFile);
const DROPBEAR = '/usr/sbin/dropbear';
/** Where the server is, seen from within the root. */
const HOME = '/opt/dropbear';

export interface Dropbear {
  readonly port: number;
  /** Options of a context on it, as root or as the other user; good for any port of this host. */
  options(username?: 'root' | 'guest'): SshContextOptions;
  /** Ends the server and its connections. Idempotent. */
  stop(): Promise<void>;
}

export function canRunDropbear(): boolean {
  return existsSync(DROPBEAR) && process.platform === 'linux' && process.getuid?.() === 0;
}

export async function startDropbear(root: BareRoot): Promise<Dropbear> {
  const folder = join(root.folder, HOME);
  await mkdir(folder, { recursive: true });
  await copyFile(DROPBEAR, join(folder, 'dropbear'));
  const { stdout } = await run('ldd', [DROPBEAR]);
  for (const [, name, path] of stdout.matchAll(/(?:(\S+) => )?(\/\S+) \(/g)) {
    await copyFile(path as string, join(folder, name ?? 'ld'));
  }
  const key = join(folder, 'host_key');
  await run('dropbearkey', ['-t', 'ed25519', '-f', key]);
  const { stdout: shown } = await run('dropbearkey', ['-y', '-f', key]);
  const hostKey = /^ssh-ed25519 \S+/m.exec(shown)?.[0];
  const identityFile = await makeKey(join(folder, 'id_client'), 'ed25519');
  for (const [home, uid] of [
    ['/root', 0],
    [BARE_USER.home, BARE_USER.uid],
  ] as const) {
    const keys = join(root.folder, home, '.ssh');
    await mkdir(keys, { mode: 0o700 });
    await copyFile(`${identityFile}.pub`, join(keys, 'authorized_keys'));
    await chmod(join(keys, 'authorized_keys'), 0o600);
    for (const path of [join(root.folder, home), keys, join(keys, 'authorized_keys')]) {
      await chown(path, uid, uid);
    }
  }
  const { server, port } = await launch(root.folder);
  const knownHosts = join(folder, 'known_hosts');
  await writeFile(knownHosts, `127.0.0.1 ${hostKey}\n`);
  return {
    port,
    options: (username = 'root') => ({
      hostname: '127.0.0.1',
      port,
      username,
      identityFile,
      knownHosts,
      agent: false,
    }),
    stop: () => stopServer(server),
  };
}

/** Another process may take the free port before the server does, so tries again with another one. */
async function launch(
  folder: string,
  attempts = 5,
): Promise<{ server: ChildProcess; port: number }> {
  const port = await freePort();
  const command = [`${HOME}/ld`, '--library-path', HOME, `${HOME}/dropbear`];
  const flags = ['-F', '-E', '-s', '-r', `${HOME}/host_key`, '-p', `127.0.0.1:${port}`, '-P', ''];
  const server = spawn('/usr/sbin/chroot', [folder, ...command, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const log: string[] = [];
  const hasStarted = new Promise<boolean>((resolve, reject) => {
    server.once('error', reject);
    const lines = createInterface({ input: server.stderr! });
    lines.on('line', (line) => {
      log.push(line);
      if (line.includes('Not backgrounding')) resolve(true);
      if (line.includes('Failed listening')) resolve(false);
    });
    lines.once('close', () => resolve(false));
  });
  if ((await hasStarted) && !log.join().includes('Failed listening')) return { server, port };
  await stopServer(server);
  if (attempts > 0 && /in use/.test(log.join())) return launch(folder, attempts - 1);
  throw new Error(`dropbear has not started:\n${log.join('\n')}`);
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const exited = once(server, 'exit');
    for (const pid of await childrenOf(server.pid!)) killIfAlive(pid);
    server.kill();
    await exited;
  }
  server.stderr?.destroy(); // A process that a test left behind may hold it open.
}

async function childrenOf(pid: number): Promise<number[]> {
  const file = `/proc/${pid}/task/${pid}/children`;
  return (await readFile(file, 'utf8')).split(' ').filter(Boolean).map(Number);
}
