/**
 * A host without Node, as one shell of this machine sees it: the first stage as it is but for the
 * places where it looks for Node, and a `node` to be sent that is a script of a few lines. What comes of
 * the real one is tested over real connections, in test/integration/bare-*.test.ts.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SHELL_STAGE } from '../../../src/parent/first-stage.js';
import { Handshake } from '../../../src/parent/handshake.js';
import { type Push, pushRuntime } from '../../../src/parent/runtime/push.js';
import type { GetRuntime, Runtime } from '../../../src/parent/runtime/runtime.js';
import type { Router } from '../../../src/routing/router.js';

export const MARKER = 'kinetin-q3x9zk';

/** Shells as they are found as `/bin/sh`; zsh is one by its name only. */
export const SHELLS: Record<string, string[]> = {
  dash: ['/bin/dash'],
  bash: ['/bin/bash', '--posix'],
  zsh: ['/usr/bin/zsh', '--emulate', 'sh'],
  busybox: ['/bin/busybox', 'sh'],
};
export const hasShells = Object.values(SHELLS).every(([path]) => existsSync(path as string));

/** Says its version; started by the first stage, says so there, and gives back what it reads. */
const NODE = `#!/bin/sh
case $1 in
  -v|-p) echo v20.0.0;;
  *) echo "$4 node v20.0.0 $$" >&4; echo "umask $(umask), traps $(trap | wc -l), k_m \${k_m-unset}" >&4; exec cat <&3 >&4;;
esac
`;

/** A runtime of a few files, the largest of which takes more than one piece. */
export function stubRuntime(node = NODE, filler = 5_000_000): Runtime {
  const file = (name: string, from: Buffer) => ({ name, size: from.length, from });
  return {
    description: 'a stub',
    files: [
      file('node', Buffer.from(node)),
      file('filler', Buffer.alloc(filler, 'some text \0 with \n newlines, ')),
      file('lib.so.6', Buffer.from('library')),
    ],
  };
}

export interface StubHost {
  folder: string;
  /** What its `id -u` says: of no account here, so that the folders in /tmp and the like are its own. */
  uid: number;
  /** The default place: `.cache/kinetin` of the home folder. */
  cache: string;
  /** The other places that every host has. */
  places: string[];
  /** Puts a program in front of PATH. */
  addProgram(name: string, text: string): Promise<void>;
  connect(options?: ConnectOptions): Connection;
  remove(): Promise<void>;
}

export interface ConnectOptions {
  getRuntime?: GetRuntime;
  /** What is written before anything else. */
  junk?: Buffer;
  /** As a hop: what the master says when it is asked for a runtime. */
  askMaster?: (to: number, handle: number, asked: never) => Promise<unknown>;
  /** Of the context that is started: 7. */
  id?: number;
  env?: Record<string, string>;
}

export interface Connection {
  process: ChildProcess;
  push: Push;
  /** Lines that are not of the handshake, and what the started Node prints. */
  said(): string;
  /** Bytes that were written to the host. */
  sent(): number;
  ended: Promise<unknown>;
}

/** A router that does no more than ask the master. */
export function routerTo(
  askMaster: ConnectOptions['askMaster'] = async () => {
    throw new Error('nobody is there');
  },
): Router {
  const request = (...[to, handle, asked]: unknown[]) =>
    askMaster(to as number, handle as number, asked as never);
  return { parentIds: [3, 0], encode: (value: unknown) => value, request } as never;
}

export async function makeStubHost(shell: string[], machine = 'aarch64'): Promise<StubHost> {
  const folder = await mkdtemp(join(tmpdir(), 'kinetin-stub-'));
  const bin = join(folder, 'bin');
  const home = join(folder, 'home');
  await mkdir(bin);
  await mkdir(home);
  const addProgram = async (name: string, text: string) => {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  };
  const uid = 4_000_000 + Math.floor(Math.random() * 4_000_000);
  await addProgram('id', `echo ${uid}`);
  await addProgram('ls', `/bin/ls "$@" | sed "s/ ${process.getuid?.()} / ${uid} /"`);
  await addProgram('uname', `case $1 in -s) echo Linux;; -m) echo ${machine};; *) echo 9.9;; esac`);
  const connections: Connection[] = [];
  const places = ['/dev/shm', '/tmp', '/var/tmp'].map((base) => `${base}/kinetin-${uid}`);
  const connect = (options: ConnectOptions = {}) => {
    const { env = {} } = options;
    const { getRuntime = async () => stubRuntime() } = options;
    const stage = SHELL_STAGE.replace(/for d in .*?; do/, 'for d in ~/.cache/kinetin/*; do');
    const args = ['-c', stage, 'kinetin', MARKER, 'the program', 'title', '1', '2', '1'];
    const [file, ...first] = shell as [string, ...string[]];
    const child = spawn(file, [...first, ...args], {
      env: { PATH: `${bin}:${process.env['PATH']}`, HOME: home, ...env },
      stdio: 'pipe',
    });
    child.stdin.on('error', () => {}); // Shows as its end.
    if (options.junk) child.stdin.write(options.junk);
    let said = '';
    let sent = 0;
    const write = child.stdin.write.bind(child.stdin) as (...args: unknown[]) => boolean;
    child.stdin.write = ((bytes: Buffer | string, ...rest: unknown[]) => {
      sent += bytes.length;
      return write(bytes, ...rest);
    }) as never;
    const push = pushRuntime({
      marker: MARKER,
      input: child.stdin,
      onProgress: () => {},
      getRuntime: options.askMaster ? undefined : getRuntime,
      id: options.id ?? 7,
      router: routerTo(options.askMaster),
    });
    push.done.catch(() => {});
    const note = (line: string) => {
      said += `${line}\n`;
    };
    const handshake = new Handshake(MARKER, {
      onShell: () => {},
      onNoNode: () => {},
      onRuntime: (words) => push.answer(words),
      onNode: (version) => note(`node ${version}`),
      onReady: () => {},
      onNoise: note,
    });
    child.stdout.on('data', (chunk) => handshake.push(chunk));
    child.stderr.on('data', (chunk) => handshake.push(chunk));
    const ended = once(child, 'close');
    ended.then(() => {
      handshake.flush();
      push.end(new Error('the host is gone'));
    });
    const connection = { process: child, push, said: () => said, sent: () => sent, ended };
    connections.push(connection);
    return connection;
  };
  return {
    folder,
    uid,
    cache: join(home, '.cache/kinetin'),
    places,
    addProgram,
    connect,
    async remove() {
      for (const { process } of connections) process.stdin?.destroy();
      await Promise.all(connections.map(({ ended }) => ended));
      for (const path of [folder, ...places]) await rm(path, { recursive: true, force: true });
    },
  };
}
