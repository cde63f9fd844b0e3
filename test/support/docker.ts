/**
 * A real Docker daemon for tests, with its own folder and socket, and containers that hold a busybox, and
 * a Node where that is wanted. No network: neither bridge nor rules are made. Needs root.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { canMakeBareRoot, makeBareRoot } from './bare-root.js';
import { processesWith } from './processes.js';

const run = promisify(execFile);
const DAEMONS = ['/usr/sbin/dockerd', '/usr/bin/dockerd', '/usr/local/bin/dockerd'];
const IMAGE = 'kinetin-bare';

export interface ContainerOptions {
  /** A Node of this machine, to be found in the container as /usr/bin/node with its libraries. */
  node?: string;
}

export interface DockerDaemon extends AsyncDisposable {
  /** For the option `host`. */
  readonly host: string;
  /** Starts a container that does nothing, and resolves to its name. */
  start(options?: ContainerOptions): Promise<string>;
  /** Runs the client with these arguments, and resolves to what it prints. */
  docker(...args: string[]): Promise<string>;
  /** Ends the containers and the daemon, and removes all that they have left. Idempotent. */
  stop(): Promise<void>;
}

/** Whether this machine can run the fixture. */
export function canRunDocker(): boolean {
  return daemonPath() !== undefined && canMakeBareRoot();
}

function daemonPath(): string | undefined {
  return DAEMONS.find((path) => existsSync(path));
}

export async function startDocker(): Promise<DockerDaemon> {
  // Not in TMPDIR: the path of a socket is short.
  const folder = await mkdtemp('/tmp/kinetin-docker-');
  const host = `unix://${folder}/socket`;
  const options = {
    host,
    'data-root': join(folder, 'data'),
    'exec-root': join(folder, 'exec'),
    pidfile: join(folder, 'pid'),
    bridge: 'none',
    iptables: 'false',
    'ip-forward': 'false',
  };
  const daemon = spawn(
    daemonPath() as string,
    Object.entries(options).map(([name, value]) => `--${name}=${value}`),
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopDaemon(daemon, folder);
    return stopping;
  };
  const docker = async (...args: string[]) =>
    (await run('docker', ['--host', host, ...args])).stdout.trim();
  try {
    await hasStarted(daemon);
    await importImage(host);
  } catch (error) {
    await stop();
    throw error;
  }
  let containers = 0;
  const self: DockerDaemon = {
    host,
    docker,
    async start({ node } = {}) {
      const name = `box${++containers}`;
      const volumes = node === undefined ? [] : await nodeVolumes(node);
      const how = ['--detach', '--network', 'none', '--name', name, '--hostname', name];
      await docker('run', ...how, ...volumes, IMAGE, '/bin/busybox', 'sleep', '100000');
      return name;
    },
    async stop() {
      if (!stopping) {
        const all = await docker('ps', '--all', '--quiet');
        if (all) await docker('rm', '--force', ...all.split('\n'));
      }
      await stop();
    },
    async [Symbol.asyncDispose]() {
      await self.stop();
    },
  };
  return self;
}

async function hasStarted(daemon: ChildProcess): Promise<void> {
  const lines: string[] = [];
  const reader = createInterface({ input: daemon.stderr! });
  const listening = new Promise<void>((resolve, reject) => {
    daemon.once('error', reject);
    reader.on('line', (line) => {
      lines.push(line);
      if (line.includes('API listen on')) resolve();
    });
    reader.once('close', () =>
      reject(new Error(`dockerd has not started:\n${lines.slice(-10).join('\n')}`)),
    );
  });
  await listening;
}

async function importImage(host: string): Promise<void> {
  const root = await makeBareRoot();
  try {
    const tar = spawn('tar', ['c', '-C', root.folder, '.'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const importing = run('docker', ['--host', host, 'import', '-', IMAGE]);
    await Promise.all([pipeline(tar.stdout, importing.child.stdin!), importing]);
  } finally {
    await root.remove();
  }
}

/** Options that show a Node of this machine to a container, with all that its loader asks for. */
async function nodeVolumes(node: string): Promise<string[]> {
  const { stdout } = await run('ldd', [node]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
  const places = [[node, '/usr/bin/node'], ...libraries.map((path) => [path, path])];
  return places.map(([from, to]) => `--volume=${from}:${to}:ro`);
}

async function stopDaemon(daemon: ChildProcess, folder: string): Promise<void> {
  if (daemon.pid !== undefined && daemon.exitCode === null && daemon.signalCode === null) {
    const exited = once(daemon, 'exit');
    daemon.kill();
    await exited;
  }
  daemon.stderr?.destroy();
  // What a daemon that died has left: containerd and what it keeps for each container.
  for (const pid of processesWith(folder)) killIfAlive(pid);
  for (const place of mountsBelow(folder)) await run('umount', ['--lazy', place]);
  await rm(folder, { recursive: true, force: true });
}

/** The lowest first. */
function mountsBelow(folder: string): string[] {
  const places = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  return places.filter((place) => place.startsWith(`${folder}/`)).reverse();
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
