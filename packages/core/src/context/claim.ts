/**
 * Pushed: part of the `context` bundle.
 *
 * Services where there are several work threads: one thread has those of a name.
 */

import { parentPort } from 'node:worker_threads';
import type { Claim } from '../thread/one-of-several.js';

/** Asks the main thread, and waits: it never blocks. Returns whether no other thread has the service. */
export function claim(service: string, isServed: boolean): boolean {
  const answer = new Int32Array(new SharedArrayBuffer(4));
  const request: Claim = { service, isServed, answer };
  parentPort?.postMessage(request);
  Atomics.wait(answer, 0, 0);
  return answer[0] === 1;
}
