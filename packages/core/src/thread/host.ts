/**
 * Pushed: part of the `thread` bundle; runs in the main thread.
 *
 * What the main thread does for its work thread: functions of the process that Node refuses to other
 * threads, and the end of calls that do not end by themselves.
 */

import { readdirSync, readFileSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import type { Message } from '../routing/message.js';
import type { Router } from '../routing/router.js';
import type { ThreadBoot } from '../runtime/config.js';
import { portTransport } from '../runtime/port.js';
import type { CancelExport, Seat, WorkThread } from '../runtime/thread.js';
import { CALL, CANCEL } from '../wire/handles.js';
import { moveArrivals, noteArrival, noting, throwAway, watchArrivals } from './arrivals.js';
import { serveRoom } from './pressure.js';
import { executeTestament, keepTestament } from './testament.js';

/**
 * [reply handle of the call; or the number of a thread alone, in its place: all calls that thread of
 * the sender has made; reason; ms until its thread is ended, or
 * undefined: it may go on].
 */
export type CancelPayload = [number, unknown, number | undefined];

/** What the work thread asks the main thread for, and waits. */
export interface ProcessRequest {
  /** A function of `process`. */
  run: string;
  args: unknown[];
  /** Set to 1 when the answer is in `port`. */
  done: Int32Array;
  port: import('worker_threads').MessagePort;
}

/** Hash of the `threads` bundle; set when this bundle is built. */
declare const THREADS_MODULE: string;

/** The export of the `threads` bundle. */
export type InstallThreads = (
  first: WorkThread,
  cancel: CancelExport,
  noting: (threadOf: Router['threadOf']) => Router['threadOf'],
) => void;

/**
 * Lets a thread that was started take its calls; `bundle` is the text of this one. Serves its process
 * functions, and keeps what it leaves. Where the context has several threads, the first brings the
 * others along. Rejects where they cannot be had.
 */
export async function serve(thread: WorkThread, seat: Seat, bundle: string): Promise<void> {
  const { options } = thread;
  const { router, config, core, loader } = options;
  if (config.workThreads && !options.threads) {
    const { install } = await loader.load(THREADS_MODULE);
    if (thread.current !== seat) return;
    if (!options.threads) (install as InstallThreads)(thread, cancel, noting);
  }
  watchArrivals(options);
  for (const frame of seat.stream.queue) noteArrival(seat.stream, frame);
  const worker = seat.worker as Worker;
  keepTestament(worker, router);
  serveRoom(worker, router);
  worker.on('message', (request: ProcessRequest | Uint8Array) => {
    if (!('run' in request)) return;
    const { run, args, done, port } = request;
    try {
      const functions = process as unknown as Record<string, (...args: unknown[]) => unknown>;
      port.postMessage({ value: (functions[run] as () => unknown)(...(args as [])) });
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException;
      port.postMessage({ message, code });
    }
    Atomics.store(done, 0, 1);
    Atomics.notify(done, 0);
    port.close();
  });
  const boot: ThreadBoot = { core, bundle, config, id: router.id, thread: thread.number };
  worker.postMessage(boot);
  seat.stream.attach(portTransport(worker));
  seat.stream.open();
}

/** Checks of calls that were given up and have not ended: each says whether it still has to be made. */
const checks: WeakMap<WorkThread, Set<() => boolean>> = new WeakMap();

/**
 * Tells the function of a call that was given up, and ends its thread if that does not end the call.
 * Calls that come meanwhile wait for the outcome; one of those that is given up itself never starts.
 */
export function cancel(thread: WorkThread, message: Message): void {
  const { router } = thread.options;
  const [replyHandle, reason, graceMs] = router.decode(message) as CancelPayload;
  const { source } = message;
  const { current, held } = thread;
  const owes = (seat: Seat | undefined): seat is Seat =>
    Boolean(seat?.calls.get(source)?.has(replyHandle));
  if (graceMs !== undefined && !owes(current) && owes(held)) {
    return drop(router, held, source, replyHandle);
  }
  const seat = [current, held].find(owes);
  // In its place behind the call, also where that waits itself, or is still to come.
  for (const to of seat ? [seat] : [current, held]) {
    if (to) router.sendTo(to.stream, CANCEL, [source, replyHandle, reason, graceMs]);
  }
  const pending = checks.get(thread) || new Set();
  checks.set(thread, pending);
  const settle = () => {
    for (const check of pending) if (!check()) pending.delete(check);
    if (pending.size === 0) release(thread);
  };
  if (!owes(current) || graceMs === undefined) return settle();
  thread.onAnswer = settle;
  thread.held = held || thread.newSeat();
  // What comes of its arguments after its thread has ended waits with the calls that do.
  const isOpen = () => thread.current === current && owes(current);
  const timer = setTimeout(() => {
    if (isOpen()) endThread(thread, current);
    settle();
  }, graceMs);
  pending.add(() => {
    if (!isOpen()) clearTimeout(timer);
    return isOpen();
  });
}

/** Takes back a call that waits; what is still to come of its arguments is thrown away. */
function drop(router: Router, seat: Seat, source: number, replyHandle: number): void {
  const { calls, stream } = seat;
  calls.get(source)?.delete(replyHandle);
  const numbers: number[] = [];
  // Places in the header as in wire/frame.ts, which is part of the live core.
  stream.queue = stream.queue.filter((frame) => {
    const isMeant =
      frame.readUInt32BE(20) === CALL &&
      frame.readUInt32BE(12) === source &&
      frame.readUInt32BE(24) === replyHandle;
    if (isMeant) numbers.push(frame.readUInt32BE(28));
    return !isMeant;
  });
  throwAway(router, (arrival) => arrival.source === source && numbers.includes(arrival.number));
}

function endThread(thread: WorkThread, seat: Seat): void {
  // The thread may sit in a system call that waits for one of its subprocesses.
  endSubprocesses(thread, seat);
  seat.worker?.terminate();
  if (seat.worker) executeTestament(seat.worker);
  thread.ended(seat, 'the work thread was ended: a call that was given up did not stop');
}

/** The thread goes on: it gets the calls that have waited. */
function release(thread: WorkThread): void {
  const { held, current } = thread;
  thread.held = undefined;
  thread.onAnswer = () => {};
  if (!held || !current?.worker) return;
  held.calls.forEach((handles, source) => {
    const known = current.calls.get(source);
    if (known) for (const handle of handles) known.add(handle);
    else current.calls.set(source, handles);
  });
  moveArrivals(held.stream, current.stream);
  held.stream.attach(portTransport(current.worker));
  held.stream.close('the thread goes on', true);
}

/**
 * Ends what the thread has started, on Linux; where it is the only one, what any of those before it has:
 * they may be stuck. What the main thread has started stays.
 */
function endSubprocesses({ options }: WorkThread, { tid }: Seat): void {
  const own = `/proc/${process.pid}/task`;
  for (const task of list(own)) {
    const isMeant = options.threads ? Number(task) === tid : Number(task) !== process.pid;
    if (isMeant) endChildren(`${own}/${task}`);
  }
}

function endChildren(task: string): void {
  for (const child of text(`${task}/children`).split(' ')) {
    if (!child) continue;
    for (const thread of list(`/proc/${child}/task`)) endChildren(`/proc/${child}/task/${thread}`);
    try {
      process.kill(Number(child), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not Linux, or gone.
    return [];
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    // The thread or process has ended meanwhile.
    return '';
  }
}
