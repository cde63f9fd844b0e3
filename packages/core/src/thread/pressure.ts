/**
 * Pushed: part of the `thread` bundle; one half runs in the work thread, the other in the main thread.
 *
 * A work thread that prints faster than the connection carries waits for it: a port takes everything.
 */

import { parentPort, type Worker } from 'node:worker_threads';
import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';

/** Bytes that a thread hands over before what it prints waits until its main thread has room. */
const OUTPUT_WINDOW_BYTES = 1048576;
/** How long it waits at most. A main thread that has lost its parent ends, and this thread with it. */
const MAX_HOLD_MS = 30000;

/** What the work thread asks, and waits: set to 1 when there is room. */
interface RoomRequest {
  room: Int32Array;
}

/** Work thread: returns what flushes `upstream` after something was printed, and may block. */
export function flushWithin(upstream: Stream): () => void {
  let due = OUTPUT_WINDOW_BYTES;
  return () => {
    upstream.flush();
    if (upstream.bytesSent < due) return;
    const request: RoomRequest = { room: new Int32Array(new SharedArrayBuffer(4)) };
    parentPort?.postMessage(request);
    Atomics.wait(request.room, 0, 0, MAX_HOLD_MS);
    due = upstream.bytesSent + OUTPUT_WINDOW_BYTES;
  };
}

/** Main thread: lets a thread go on when what it has handed over so far has left. */
export function serveRoom(worker: Worker, router: Router): void {
  let requests: RoomRequest[] = [];
  const resume = () => {
    for (const { room } of requests) {
      Atomics.store(room, 0, 1);
      Atomics.notify(room, 0);
    }
    requests = [];
  };
  // The stream of the thread itself cannot be paused; this one waits in its place.
  const gate = router.addStream('thread', router.id);
  gate.attach({ open() {}, write() {}, pause() {}, resume, close() {} });
  worker.on('message', (request: RoomRequest | Uint8Array) => {
    if (!('room' in request)) return;
    const upstream = router.upstream as Stream;
    requests.push(request);
    if (upstream.isFull) gate.waitFor(upstream);
    else resume();
  });
  worker.on('exit', () => gate.close('the work thread has ended'));
}
