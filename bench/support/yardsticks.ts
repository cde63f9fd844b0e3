/**
 * What there is on this machine to compare with. Each is started when it is first asked for, and is
 * undefined where it cannot be had.
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Peer } from './peer.js';

const FOLDER = join(import.meta.dirname, '../yardsticks');

/** Debian's packages are for its own Python, which may not be the first in PATH. */
const PYTHONS = ['python3', '/usr/bin/python3'];

export type PeerName = 'execnet' | 'mitogen';

export class Yardsticks implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'kinetin-bench-'));
  readonly #peers = new Map<string, Peer | undefined>();
  /** As rows name it: in C, or where there is no compiler between two Node processes. */
  pingPongName = 'C ping-pong';
  readonly #skip: (name: string, reason: string) => void;

  /** `skip` is told what cannot be had. */
  constructor(skip: (name: string, reason: string) => void) {
    this.#skip = skip;
  }

  /** Seconds of round trips over a socketpair. */
  get pingPong(): Peer {
    return this.#once('ping-pong', () => {
      const program = join(this.#folder, 'ping-pong');
      const source = join(FOLDER, 'ping-pong.c');
      const compiled = ['cc', 'gcc', 'clang'].some(
        (compiler) => spawnSync(compiler, ['-O2', '-o', program, source]).status === 0,
      );
      if (compiled) return new Peer(program, []);
      this.pingPongName = 'Node ping-pong';
      return new Peer(process.execPath, [join(FOLDER, 'ping-pong.mjs')]);
    })!;
  }

  get nodeIpc(): Peer {
    const program = join(FOLDER, 'node-ipc.mjs');
    return this.#once('node-ipc', () => new Peer(process.execPath, [program]))!;
  }

  get execnet(): Peer | undefined {
    return this.#python('execnet');
  }

  get mitogen(): Peer | undefined {
    return this.#python('mitogen');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#peers.values()].map((peer) => peer?.[Symbol.asyncDispose]()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #python(name: PeerName): Peer | undefined {
    return this.#once(name, () => {
      const python = PYTHONS.find(
        (file) => spawnSync(file, ['-c', `import ${name}`], { stdio: 'ignore' }).status === 0,
      );
      if (python) return new Peer(python, [join(FOLDER, `${name}-peer.py`)]);
      this.#skip(`what compares with ${name}`, `python3-${name} is not installed`);
      return undefined;
    });
  }

  #once(name: string, start: () => Peer | undefined): Peer | undefined {
    if (!this.#peers.has(name)) this.#peers.set(name, start());
    return this.#peers.get(name);
  }
}

/** Starts a program that ends by itself, and waits for its end. */
export async function runToEnd(file: string, args: readonly string[]): Promise<void> {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${file} ended with status ${code}`);
}
