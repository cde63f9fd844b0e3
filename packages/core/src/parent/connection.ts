/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * Starts one child: opens a pipe by a connection method, writes the core, its configuration and all
 * that waits for the child in one flight, and reads until the child says that it is ready.
 */

import type { Broker } from '../routing/broker.js';
import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';
import { socketTransport, type Transport } from '../routing/transport.js';
import type { Config } from '../runtime/config.js';
import type { Log } from '../runtime/log.js';
import { INFO } from '../wire/levels.js';
import { LineSplitter } from '../wire/lines.js';
import { ConnectError, type ExitStatus, type OpenPipe, type Pipe, type Stage } from './attempt.js';
import { commandLine, newMarker, nodeArgs } from './command.js';
import { Handshake } from './handshake.js';
import { type KeepaliveOptions, keepAlive } from './keepalive.js';
import { encodePreamble } from './preamble.js';
import { Progress, type StageTimeouts } from './progress.js';
import { type Replay, replayable } from './replay.js';
import type { Push, PushHost } from './runtime/push.js';
import type { GetRuntime } from './runtime/runtime.js';
import { isolate } from './unidirectional.js';

/** How long the end of a child waits for its last words: what it has started may hold its output. */
const LAST_WORDS_MS = 500;

/** What to start, resolved by the master. Plain values: it travels to the hop that connects. */
export interface ConnectRequest {
  id: number;
  /** Options of the method. */
  target: unknown;
  config: Config;
  /** What `ps` shows on the target. */
  title: string;
  /** The interpreter to use; without it, the newest that is found. */
  node?: string | undefined;
  /** What to do where there is none. */
  runtime: 'push' | 'never';
  /** Milliseconds for the whole attempt, and for each stage. */
  timeoutMs: number;
  stageTimeoutsMs: StageTimeouts;
  keepalive: KeepaliveOptions;
  /** Whether what comes from the child acts with the authority of the context that starts it. */
  lendAuthority?: boolean;
}

/** What is known of a child that has been started. */
export interface Connected {
  pid: number;
  nodeVersion: string;
  /** What the method reports: see {@link Pipe.facts}. */
  facts: Record<string, unknown>;
}

/** The context that starts the child. */
export interface ParentHost {
  router: Router;
  /** Its own configuration; the master has none. */
  config?: Config;
  broker: Broker;
  log: Log;
  pushedCore: Buffer;
  vendor(name: string): Promise<unknown>;
  /** The bundle `runtime`. */
  runtime(): Promise<{ pushRuntime(host: PushHost): Push }>;
  /** See {@link PushHost}; only the master has it. */
  getRuntime?: GetRuntime;
}

/** One attempt, which can be cancelled. */
export interface Connecting {
  /** Rejects with a {@link ConnectError}, or with what `cancel` was given. */
  done: Promise<Connected>;
  cancel(reason: unknown): void;
}

/** Starts a child. What was sent to its id meanwhile reaches it, or fails with the attempt. */
export function connectChild<Target>(
  host: ParentHost,
  open: OpenPipe<Target>,
  request: ConnectRequest,
): Connecting {
  const { router } = host;
  const stream = pendingStream(router, request.id);
  // What one context is held to holds for all that it starts.
  if (host.config?.unidirectional) request.config.unidirectional = true;
  if (request.config.unidirectional) isolate(router, stream);
  if (request.lendAuthority) stream.authority = router.id;
  const preamble = encodePreamble(host.pushedCore, router.id, request.id, request.config);
  const progress = new Progress(request, {
    ...preamble,
    marker: newMarker(),
    title: request.title,
    workThread: request.config.workThread === 'eager',
  });
  const done = attempt(host, open, request, progress, stream, preamble.bytes).catch((error) => {
    const failure = progress.failure(error);
    stream.close((failure as Error).message);
    throw failure;
  });
  return { done, cancel: (reason) => progress.fail(reason) };
}

function pendingStream(router: Router, id: number): Stream {
  const known = router.routes.get(id);
  return known && known.peer === id ? known : router.addStream('child', id);
}

async function attempt<Target>(
  host: ParentHost,
  open: OpenPipe<Target>,
  request: ConnectRequest,
  progress: Progress,
  stream: Stream,
  preamble: Buffer,
): Promise<Connected> {
  const opening = open(request.target as Target, {
    commandLine: commandLine(progress.command, request.node),
    nodeArgs: nodeArgs(progress.command),
    enter: (stage) => progress.enter(stage),
    note: (text) => progress.note(text),
    onCancel: (callback) => progress.onCancel(callback),
    vendor: (name) => host.vendor(name),
  });
  // Whoever waits for it: it may open in the turn in which the attempt fails, or later.
  opening.then(
    (opened) => progress.onCancel(() => opened.destroy()),
    // Who waits for it learns that.
    () => {},
  );
  const pipe = await progress.race(opening);
  host.broker.own(request.id, () => pipe.destroy());
  // Errors of a pipe show as its end, which the handshake or the stream reports.
  for (const end of [pipe.input, pipe.output]) end.on('error', () => {});
  let sink = (line: string) => progress.note(`${line}\n`);
  const ends = pipe.diagnostics.map((diagnostics) => {
    const lines = new LineSplitter((line) => sink(line));
    diagnostics.on('data', (chunk: Buffer) => lines.push(chunk));
    return new Promise<void>((resolve) => {
      diagnostics.on('end', () => lines.flush()).on('close', resolve);
    });
  });
  const transport = replayable(
    closingAfter(socketTransport(pipe.output, pipe.input), Promise.all(ends)),
  );
  stream.attach(transport, preamble);
  const child = await progress.race(
    handshake(pipe, progress, {
      transport,
      push: request.runtime === 'push' && (() => startPush(host, pipe, progress, request)),
      onReady: (rest) => stream.open(rest),
    }),
  );
  progress.end();
  keepAlive(host.router, stream, request.keepalive);
  sink = (line) => host.log(INFO, line, request.id);
  return { ...child, facts: pipe.facts || {} };
}

/** The same transport, whose end is told when the last words have come, or others hold them back. */
function closingAfter(transport: Transport, lastWords: Promise<unknown>): Transport {
  return {
    ...transport,
    open: ({ onBytes, onClose }) =>
      transport.open({
        onBytes,
        onClose: (reason) => {
          const close = () => {
            clearTimeout(timer);
            onClose(reason);
          };
          const timer = setTimeout(close, LAST_WORDS_MS);
          lastWords.then(close);
        },
      }),
  };
}

/** Sends the host a runtime. What happens to the attempt ends that, too. */
async function startPush(
  host: ParentHost,
  pipe: Pipe,
  progress: Progress,
  request: ConnectRequest,
): Promise<Push> {
  progress.enter('runtime');
  const push = (await host.runtime()).pushRuntime({
    marker: progress.command.marker,
    input: pipe.input,
    onProgress: () => progress.enter('runtime'),
    id: request.id,
    router: host.router,
    getRuntime: host.getRuntime,
  });
  progress.onCancel(() => push.end(new Error('the attempt is over')));
  return push;
}

interface HandshakeOptions {
  /** What is written to the child. */
  transport: Replay;
  /** Sends a runtime, where that is wanted. */
  push: false | (() => Promise<Push>);
  /** Gets the first bytes of the stream of frames, in time. */
  onReady(rest: Buffer): void;
}

/** Reads the pipe up to the stream of frames. */
function handshake(
  pipe: Pipe,
  progress: Progress,
  { transport, push, onReady }: HandshakeOptions,
): Promise<{ pid: number; nodeVersion: string }> {
  return new Promise((resolve, reject) => {
    let node = { pid: 0, nodeVersion: '' };
    let refused: ConnectError | undefined;
    let pushing: Push | undefined;
    const reader = new Handshake(progress.command.marker, {
      onShell: () => progress.enter('node'),
      onNoNode: (found) => {
        const begin = push;
        // Who says it again gets no second one.
        push = false;
        transport.hold();
        if (!begin) {
          refused = noNode(found);
          return pipe.input.end();
        }
        begin()
          .then((started) => {
            pushing = started;
            return started.done;
          })
          .then(() => transport.replay())
          .catch(reject);
      },
      onRuntime: (words) => pushing?.answer(words),
      onNode: (nodeVersion, pid) => {
        transport.confirm();
        node = { pid, nodeVersion };
        progress.enter('bootstrap');
      },
      onNoise: (line) => progress.note(`${line}\n`),
      onReady: (rest) => {
        pipe.output.removeListener('data', onData);
        transport.confirm();
        // Over already, unless the host lies.
        pushing?.end(undefined);
        progress.enter('ready');
        onReady(rest);
        resolve(node);
      },
    });
    const onData = (chunk: Buffer) => reader.push(chunk);
    pipe.output.on('data', onData);
    pipe.exit.then((exit) => {
      reader.flush();
      progress.exit = exit;
      reject(refused || ended(exit, progress.stage));
    });
  });
}

function ended(exit: ExitStatus, stage: Stage): ConnectError {
  const how =
    exit.signal !== undefined
      ? `it was ended by ${exit.signal}`
      : `it ended with status ${exit.code === undefined ? 'unknown' : exit.code}`;
  return new ConnectError('ERR_HANDSHAKE', `the child ended at stage "${stage}": ${how}`);
}

function noNode(found: string[]): ConnectError {
  return found.length === 0
    ? new ConnectError(
        'ERR_NO_NODE',
        "no Node was found on the target; install Node 12.22 or later, or leave runtime at 'push'",
      )
    : new ConnectError(
        'ERR_NODE_TOO_OLD',
        `no usable Node was found on the target, 12.22 or later is needed: ${found.join(', ')}`,
      );
}
