/**
 * Pushed: the `threads` bundle, for contexts with several work threads; runs in the main thread.
 *
 * Which thread takes a call. Each place of a thread is a WorkThread of its own; this stands before
 * them. docs/protocol.md, section "Threads".
 */

import type { Worker } from 'node:worker_threads';
import type { Stream } from '../routing/stream.js';
import type { Seat, WorkThread } from '../runtime/thread.js';
import { FLAG_FIRST, FLAG_MORE } from '../wire/flags.js';
import { CALL, CANCEL, SERVICE, STRAND_SHIFT, THREAD_SHIFT } from '../wire/handles.js';
import { MAX_WORK_THREADS } from '../wire/limits.js';
import type { CancelPayload, InstallThreads } from './host.js';
import type { Claim, Introduction } from './one-of-several.js';
import { firstOf } from './peek.js';

/** Numbers of threads that run at the same time differ in these bits. */
const PLACE_BITS = MAX_WORK_THREADS;
/** After so many threads in one place their numbers begin anew. */
const GENERATIONS = (1 << (32 - THREAD_SHIFT - STRAND_SHIFT)) - 1;

// As in wire/frame.ts, which is part of the live core.
const handleOf = (frame: Buffer): number => frame.readUInt32BE(20);
const sourceOf = (frame: Buffer): number => frame.readUInt32BE(12);

type Router = WorkThread['options']['router'];

interface Place {
  thread: WorkThread;
  /** What this thread would be to the router if it were the only one. */
  threadOf: Router['threadOf'];
  onThreadFrame: Router['onThreadFrame'];
}

/** Calls that a thread owes an answer. */
function owedBy(seat: Seat | undefined): number {
  let owed = 0;
  seat?.calls.forEach((handles, source) => {
    owed += handles.size;
    if (handles.size === 0) seat.calls.delete(source);
  });
  return owed;
}

const owes = (seat: Seat | undefined, source: number, replyHandle: number): boolean =>
  Boolean(seat?.calls.get(source)?.has(replyHandle));

/** The less, the sooner it takes a call. */
function loadOf({ current, held }: WorkThread): number {
  // What would have to wait for the end of a call that was given up.
  if (held) return 1e9 + owedBy(held);
  // Rather than start a thread, one that is idle; rather than wait, start one.
  return current ? owedBy(current) : 0.5;
}

/** From now on the context has as many threads as its configuration says, `first` among them. */
export const install: InstallThreads = (first, cancel, noting) => {
  const { options } = first;
  const { router, config } = options;
  const places: Place[] = [];
  const services = new ServiceTable();
  for (let thread = first; ; thread = new (first.constructor as typeof WorkThread)(options)) {
    // Each has just made itself the only one.
    const { onThreadFrame } = router;
    const threadOf = noting(router.threadOf);
    numberThreads(thread, places.push({ thread, threadOf, onThreadFrame }), services);
    if (places.length === config.workThreads) break;
  }
  options.threads = places.map(({ thread }) => thread);
  /** The place that took a call the longest ago is the first. */
  const turns = [...places];
  /** Places of messages of several frames that are under way, by source and number. */
  const under: Map<string, Place> = new Map();

  const owing = (source: number, replyHandle: number) =>
    places.filter(({ thread: { current, held } }) =>
      [current, held].some((seat) => owes(seat, source, replyHandle)),
    );
  const idlest = () =>
    turns.reduce((best, place) => (loadOf(place.thread) < loadOf(best.thread) ? place : best));
  const choose = (frame: Buffer): Place => {
    const strand = (frame[1] as number) >> STRAND_SHIFT;
    if (strand) return places[(strand - 1) % places.length] as Place;
    if (handleOf(frame) === CALL) return idlest();
    const about = firstOf(frame);
    if (typeof about === 'number') return owing(sourceOf(frame), about)[0] || (places[0] as Place);
    const served = services.threadOf(about);
    return places.find(({ thread }) => thread === served) || (places[0] as Place);
  };
  router.threadOf = (index, frame) => {
    if (index) return places[(index & PLACE_BITS) - 1]?.threadOf(index, frame);
    const handle = handleOf(frame);
    if (handle !== CALL && handle !== SERVICE) return undefined;
    const number = frame.readUInt32BE(28);
    const key = number ? `${sourceOf(frame)}:${number}` : '';
    const flags = frame[1] as number;
    const place = (!(flags & FLAG_FIRST) && under.get(key)) || choose(frame);
    if (key) {
      if (flags & FLAG_MORE) under.set(key, place);
      else under.delete(key);
    }
    turns.splice(turns.indexOf(place), 1);
    turns.push(place);
    const stream = place.threadOf(index, frame) as Stream;
    return sourceOf(frame) === router.id ? back(stream) : stream;
  };
  router.onThreadFrame = (frame) => {
    for (const { onThreadFrame } of places) onThreadFrame(frame);
  };
  const { onContextLost } = router;
  router.onContextLost = (id, reason) => {
    onContextLost(id, reason);
    under.forEach((_, key) => {
      if (key.startsWith(`${id}:`)) under.delete(key);
    });
  };
  router.listen(
    {
      policy: router.isAbove,
      onMessage: (message) => {
        const [replyHandle] = router.decode(message) as CancelPayload;
        const owed = owing(message.source, replyHandle);
        for (const { thread } of owed.length > 0 ? owed : places) cancel(thread, message);
      },
    },
    CANCEL,
  );
  if (config.workThread === 'eager') for (const { thread } of places) thread.start();
  spread(first);
};

/** A stream which may be the one that a frame has come from: a thread may call itself. */
const back = (stream: Stream) =>
  ({ isFull: false, write: (frame: Buffer) => stream.write(frame) }) as Stream;

/**
 * Gives the threads of a place, counted from 1, numbers of its own: the lower bits are those of the
 * place. Listens to what each says of itself.
 */
function numberThreads(thread: WorkThread, place: number, services: ServiceTable): void {
  let generation = 0;
  const { start } = thread;
  const next = () => {
    const number = (generation << STRAND_SHIFT) + place;
    generation = (generation + 1) % GENERATIONS;
    return number;
  };
  const follow = (seat: Seat) => {
    const worker = seat.worker as Worker;
    worker.on('message', (message: Introduction | Claim | Uint8Array) => {
      if ('tid' in message) seat.tid = message.tid;
      if ('service' in message) services.claim(thread, worker, message);
    });
  };
  if (thread.current) {
    // It runs nothing yet.
    thread.number = next();
    follow(thread.current);
  }
  thread.start = () => {
    if (thread.current) return thread.current;
    // It counts on from here.
    thread.number = next() - 1;
    const seat = start.call(thread);
    follow(seat);
    return seat;
  };
}

/** Gives the calls that have come for the first thread, and wait for it, to all. */
function spread(first: WorkThread): void {
  const { router } = first.options;
  const seat = first.current as Seat;
  const { stream } = seat;
  const frames = stream.queue;
  // What is known of a call that was given up is about this thread.
  if (first.held || frames.some((frame) => handleOf(frame) === CANCEL)) return;
  seat.stream = first.newSeat().stream;
  seat.calls.clear();
  stream.close('other threads have joined it');
  for (const frame of frames) router.threadOf(0, frame)?.write(frame);
}

/** Which thread has the service of a name, or had it before it was stopped. */
class ServiceTable {
  private _claims: Map<string, { thread: WorkThread; worker: Worker; isServed: boolean }> =
    new Map();

  /** Undefined where no thread that lives has it. */
  threadOf(name: unknown): WorkThread | undefined {
    const known = this._claims.get(name as string);
    if (!known) return undefined;
    const { thread, worker } = known;
    if (thread.current && thread.current.worker === worker) return thread;
    this._claims.delete(name as string);
    return undefined;
  }

  /** A thread serves a service from now on, if no other does; or stops. */
  claim(thread: WorkThread, worker: Worker, { service, isServed, answer }: Claim): void {
    const other = this.threadOf(service);
    const known = this._claims.get(service);
    const isFree = !known || other === thread || !known.isServed;
    if (isFree && (isServed || other === thread)) {
      this._claims.set(service, { thread, worker, isServed });
    }
    Atomics.store(answer, 0, isFree ? 1 : 2);
    Atomics.notify(answer, 0);
  }
}
