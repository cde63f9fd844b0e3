/**
 * Pushed: part of the `thread` bundle; runs in the main thread.
 *
 * Large messages of which a work thread has got a part, and will never take the rest: their senders
 * would wait for its credit, and hold up what they send after that. They are granted all of it, and
 * what comes is thrown away.
 */

import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';
import type { WorkThread } from '../runtime/thread.js';
import { FLAG_FIRST, FLAG_MORE } from '../wire/flags.js';
import { encodeFrame } from '../wire/frame.js';
import { CREDIT } from '../wire/handles.js';
import { sayAsThread } from './unfinished.js';

interface Arrival {
  /** To the thread that has the beginning. */
  stream: Stream;
  source: number;
  number: number;
}

/** Of the one router of this process, by source and number. */
const arrivals: Map<string, Arrival> = new Map();
let isWatching = false;

/** Notes where a frame goes. */
export function noteArrival(stream: Stream, frame: Buffer): void {
  const number = frame.readUInt32BE(28);
  // CREDIT bears the number of a message that leaves.
  if (!number || frame.readUInt32BE(20) === CREDIT) return;
  const source = frame.readUInt32BE(12);
  const key = `${source}:${number}`;
  const flags = frame[1] as number;
  if (!(flags & FLAG_MORE)) arrivals.delete(key);
  else if (flags & FLAG_FIRST) arrivals.set(key, { stream, source, number });
}

/** The same function, whose frames are noted. */
export const noting =
  (threadOf: Router['threadOf']): Router['threadOf'] =>
  (index, frame) => {
    const stream = threadOf(index, frame);
    if (stream) noteArrival(stream, frame);
    return stream;
  };

/** What has begun to arrive through one stream goes on through another. */
export function moveArrivals(from: Stream, to: Stream): void {
  arrivals.forEach((arrival) => {
    if (arrival.stream === from) arrival.stream = to;
  });
}

/**
 * From now on, sees to what a thread leaves that ends; of several, each notes its frames itself.
 * Idempotent.
 */
export function watchArrivals({ router, threads }: WorkThread['options']): void {
  if (isWatching) return;
  isWatching = true;
  if (!threads) router.threadOf = noting(router.threadOf);
  const { onStreamClosed, onContextLost } = router;
  router.onStreamClosed = (closed, reason) => {
    onStreamClosed(closed, reason);
    throwAway(router, ({ stream }) => stream === closed);
  };
  router.onContextLost = (lost, reason) => {
    onContextLost(lost, reason);
    arrivals.forEach(({ source }, key) => {
      if (source === lost) arrivals.delete(key);
    });
  };
}

/** Grants the senders of some messages all of them; for who has thrown away what has come. */
export function throwAway(router: Router, isMeant: (arrival: Arrival) => boolean): void {
  const { id, maxMessageBytes } = router;
  const all = Buffer.alloc(4);
  all.writeUInt32BE(maxMessageBytes, 0);
  const frames: Buffer[] = [];
  arrivals.forEach((arrival, key) => {
    if (!isMeant(arrival)) return;
    arrivals.delete(key);
    const { source: destination, number } = arrival;
    const header = { destination, source: id, authority: id, handle: CREDIT, replyHandle: 0 };
    frames.push(encodeFrame({ ...header, flags: 0, number }, all));
  });
  if (frames.length > 0) sayAsThread(router, frames);
}
