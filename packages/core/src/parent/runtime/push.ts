/**
 * Pushed: part of the `runtime` bundle, in contexts that start children; master has it too.
 *
 * Brings Node to a host where the first stage has found none: asks what the host is, picks a runtime
 * for it and a folder in it, sends the files, and has it started. What the host says is used to choose
 * between things known here, and shown; nothing else.
 */

import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { Router } from '../../routing/router.js';
import { printable } from '../../wire/printable.js';
import { ConnectError } from '../attempt.js';
import { runtimesFromAbove } from './from-above.js';
import { choose, FUNCTIONS, PLACES, PROBE, START, store, take } from './host-script.js';
import { HostShell } from './host-shell.js';
import { ownRuntime } from './own-runtime.js';
import { getPiece, hashFiles, PIECE_BYTES, usePieces } from './pieces.js';
import type { GetRuntime, Runtime, RuntimeFile, Waiter } from './runtime.js';

/** Beyond the files themselves: blocks that are not full, folders. */
const SPARE_KIB = 1024;
/** Characters of what a host says that an error repeats. */
const MAX_SAID = 300;

/** What a host may say of its folders: each is refused at most once before it is used, and once then. */
const MAX_REFUSALS = 2 * PLACES;

/** The Node packages of npm, by what `uname` says: system, machine. */
const PLATFORMS: Record<string, string> = { Linux: 'linux', Darwin: 'darwin' };
const ARCHITECTURES: Record<string, string> = {
  x86_64: 'x64',
  amd64: 'x64',
  aarch64: 'arm64',
  arm64: 'arm64',
  armv7l: 'arm',
  ppc64le: 'ppc64',
  s390x: 's390x',
};

/** One attempt to start a child, as the push sees it. */
export interface PushHost {
  marker: string;
  /** To the first stage; nobody else writes to it until the push is done. */
  input: Writable;
  onProgress(): void;
  /** Of the child to be, and of the context that starts it. */
  id: number;
  router: Router;
  /** Only the master has one of its own. */
  getRuntime: GetRuntime | undefined;
}

export interface Push {
  /** Resolves when Node is being started there. Rejects with a ConnectError. */
  done: Promise<void>;
  /** The words of an answer of the host. */
  answer(words: string[]): void;
  /** The attempt is over. */
  end(reason: unknown): void;
}

/** What a host is. */
interface Target {
  platform: string | undefined;
  arch: string | undefined;
  /** As `uname` has it, for errors. */
  name: string;
  hasGzip: boolean;
}

export function pushRuntime(host: PushHost): Push {
  const onProgress = () => host.onProgress();
  const shell = new HostShell(host.marker, host.input, onProgress);
  const ends: (() => void)[] = [];
  let isOver = false;
  const onEnd = (callback: () => void) => {
    if (isOver) callback();
    else ends.push(callback);
  };
  const done = push(host, shell, { onProgress, onEnd });
  return {
    done,
    answer: (words) => shell.answer(words),
    end: (reason) => {
      isOver = true;
      shell.end(reason);
      for (const callback of ends) callback();
    },
  };
}

async function push(host: PushHost, shell: HostShell, waiter: Waiter): Promise<void> {
  for (const line of [...FUNCTIONS, PROBE]) shell.run(line);
  const [word, ...words] = await shell.next();
  if (word === 'running') return shell.end(undefined);
  const target = readTarget(word === 'host' ? words : []);
  const runtime = await pick(host, target, waiter);
  const release = usePieces();
  try {
    await install(shell, target, runtime);
  } finally {
    release();
  }
  shell.run(START);
  shell.end(undefined);
}

function readTarget(words: string[]): Target {
  const [system = '', machine = '', release = '', gzip] = words;
  return {
    platform: own(PLATFORMS, system),
    arch: own(ARCHITECTURES, machine),
    name:
      said([system, machine, release].join(' ').trim()) || 'a system that does not say what it is',
    hasGzip: gzip === 'gzip',
  };
}

const own = (table: Record<string, string>, key: string): string | undefined =>
  Object.prototype.hasOwnProperty.call(table, key) ? table[key] : undefined;

/** The own Node where the platform is the same, a package otherwise. */
async function pick(host: PushHost, target: Target, waiter: Waiter): Promise<Runtime> {
  const { platform, arch } = target;
  let own = '';
  if (platform === undefined || arch === undefined) {
    throw noRuntime(target, 'there is no Node that could be sent to such a system');
  }
  if (platform === 'linux' && platform === process.platform && arch === process.arch) {
    try {
      return ownRuntime();
    } catch (error) {
      own = `the Node that runs here cannot be sent (${(error as Error).message}); `;
    }
  }
  const { getRuntime = runtimesFromAbove(host.router, host.id) } = host;
  try {
    return await getRuntime(platform, arch, waiter);
  } catch (error) {
    throw noRuntime(target, own + (error as Error).message, error);
  }
}

async function install(shell: HostShell, target: Target, runtime: Runtime): Promise<void> {
  const { files } = runtime;
  // While the first pieces are sent.
  const hashing = hashFiles(files);
  hashing.catch(() => {
    // Awaited below, unless something else fails before.
  });
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const kib = Math.ceil(bytes / 1024) + SPARE_KIB;
  const refusals: string[] = [];
  for (let place = 1; place <= PLACES; place++) {
    shell.run(choose(place, kib, randomBytes(4).toString('hex')));
    place = await chosen(shell, place, refusals);
    if (place > PLACES) break;
    const problem = await upload(shell, target, files, hashing);
    if (problem === undefined) return;
    const [word, ...text] = problem;
    if (word === 'broken') throw doesNotStart(target, runtime, text.join(' '));
    refusals.push(text.slice(1).join(' '));
  }
  throw new ConnectError(
    'ERR_NO_SPACE',
    'the target has no Node, and no folder that one could be put into: ' +
      `${refusals.map(said).join('; ') || 'no home folder, and none for temporary files'}; ` +
      `make ${Math.ceil(kib / 1024)} MB of room in one of them, or install Node 12.22 or later`,
  );
}

/**
 * The number of the place that was prepared, `first` or a later one; beyond the last where there is
 * none. At each step a number grows, so that this ends whatever a host answers.
 */
async function chosen(shell: HostShell, first: number, refusals: string[]): Promise<number> {
  for (;;) {
    const [word, place, ...text] = await shell.next();
    if (word === 'no' && refusals.length < MAX_REFUSALS) refusals.push(text.join(' '));
    else if (word === 'place' && Number(place) >= first) return Number(place);
    else return PLACES + 1;
  }
}

/** Undefined when it is stored; else the answer that says why not. */
async function upload(
  shell: HostShell,
  { hasGzip }: Target,
  files: RuntimeFile[],
  hashing: Promise<string>,
): Promise<string[] | undefined> {
  for (const file of files) {
    for (let at = 0; at < file.size; at += PIECE_BYTES) {
      const piece = await getPiece(file, at, hasGzip);
      shell.run(take(file.name, piece.length, hasGzip));
      const next = at + PIECE_BYTES;
      if (next < file.size) getPiece(file, next, hasGzip).catch(() => {}); // Asked for again soon.
      await shell.send(piece);
      const answer = await shell.next();
      if (answer[0] !== 'took') return answer;
    }
  }
  shell.run(store(await hashing, files));
  const answer = await shell.next();
  return answer[0] === 'stored' ? undefined : answer;
}

function noRuntime(target: Target, why: string, cause?: unknown): ConnectError {
  return new ConnectError(
    'ERR_NO_RUNTIME',
    `no usable Node was found on the target (${target.name}), and none was sent: ${why}; ` +
      'install Node 12.22 or later there',
    cause === undefined ? {} : { cause },
  );
}

function doesNotStart(target: Target, runtime: Runtime, text: string): ConnectError {
  return new ConnectError(
    'ERR_RUNTIME',
    `${runtime.description} was sent to the target (${target.name}), but does not start there: ` +
      `${said(text) || 'it says nothing'}; install a Node that does`,
  );
}

const said = (text: string): string => printable(text).slice(0, MAX_SAID);
