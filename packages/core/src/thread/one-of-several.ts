/**
 * Pushed: part of the `thread` bundle; runs in the work thread.
 *
 * What a work thread leaves to its main thread of what it asks of its own context, and what one of
 * several says of itself: see several.ts.
 */

import { readlinkSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { CALL, CANCEL, SERVICE } from '../wire/handles.js';
import type { Workplace } from './workplace.js';

/** What Linux calls the thread. */
export interface Introduction {
  tid: number;
}

/** The thread serves a service from now on, or does not any more. It waits. */
export interface Claim {
  service: string;
  isServed: boolean;
  /** Set to 1; or to 2 where another thread has a service of that name. */
  answer: Int32Array;
}

/** Order: before anything runs here that starts a process. */
export function joinOthers({ router, config }: Workplace): void {
  // The main thread knows which thread has a call; and, of several, which is to take the next one.
  const left = config.workThreads ? [CALL, CANCEL, SERVICE] : [CANCEL];
  const { owns } = router;
  router.owns = (handle, frame) => !left.includes(handle) && owns.call(router, handle, frame);
  if (!config.workThreads) return;
  try {
    const tid = Number(readlinkSync('/proc/thread-self').split('/')[2]);
    const introduction: Introduction = { tid };
    parentPort?.postMessage(introduction);
  } catch {
    // Not Linux: the subprocesses of a thread cannot be found there either.
  }
}
