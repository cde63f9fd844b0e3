/**
 * Pushed: part of the `thread` bundle; runs in the main thread.
 *
 * What a work thread leaves behind: frames that are sent in its name when it ends, whatever ends it.
 */

import type { Worker } from 'node:worker_threads';
import type { Router } from '../routing/router.js';
import { followMessages } from './unfinished.js';

/** From the work thread: the frame that is sent under this key, or none any more. */
export interface Testament {
  key: number;
  frame: Uint8Array | undefined;
}

/** What is still to be sent of a thread. */
const executions: WeakMap<Worker, () => void> = new WeakMap();

/** Takes what a thread leaves, and sees to it when it ends by itself. */
export function keepTestament(worker: Worker, router: Router): void {
  const frames: Map<number, Uint8Array> = new Map();
  const dropUnfinished = followMessages(worker, router);
  /** What takes the messages of the thread: it has none any more when its end is told. */
  let takers: ((message: Uint8Array) => void)[] = [];
  worker.on('message', (message: Testament | Uint8Array) => {
    if (!('key' in message)) return;
    takers = worker.listeners('message') as typeof takers;
    if (message.frame) frames.set(message.key, message.frame);
    else frames.delete(message.key);
  });
  executions.set(worker, () => {
    frames.forEach((frame) => {
      for (const take of takers) take(frame);
    });
    frames.clear();
    // After its end was told: who waits for an answer that was on its way learns why it does not come.
    process.nextTick(dropUnfinished);
  });
  // Before the stream of the thread is closed: see runtime/thread.ts.
  worker.prependListener('error', () => executeTestament(worker));
  worker.prependListener('exit', () => executeTestament(worker));
}

/** Sends what a thread has left, once, as if it came from there. */
export function executeTestament(worker: Worker): void {
  executions.get(worker)?.();
}
