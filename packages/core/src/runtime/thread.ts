/**
 * Pushed: part of the core, in every context.
 *
 * The main thread's side of the work thread: starts it, knows which calls it owes an answer, and
 * answers for it when it ends.
 */

import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';
import {
  destinationOf,
  FLAG_MORE,
  flagsOf,
  handleOf,
  replyHandleOf,
  sourceOf,
} from '../wire/frame.js';
import { CALL, THREAD_SHIFT } from '../wire/handles.js';
import { ERROR } from '../wire/levels.js';
import type { Config, ThreadBoot } from './config.js';
import type { Log } from './log.js';
import { portTransport } from './port.js';

/** Evaluates the core that comes as the first message. */
const THREAD_MAIN =
  'require("worker_threads").parentPort.once("message",b=>Function("boot",b.core)(b))';

export interface WorkThreadOptions {
  router: Router;
  config: Config;
  core: string;
  log: Log;
}

export class WorkThread {
  private _stream: Stream | undefined;
  /** Number of the thread that runs; threads that have ended had the ones below. */
  private _number = 0;
  /** Calls without an answer yet: source to reply handles. */
  private _unanswered: Map<number, Set<number>> = new Map();

  constructor(private _options: WorkThreadOptions) {
    const { router } = _options;
    router.threadOf = (index, frame) => {
      if (index === 0) return handleOf(frame) === CALL ? this._take(frame) : undefined;
      return index === this._number ? this._stream : undefined;
    };
    router.onThreadFrame = (frame) => {
      if (flagsOf(frame) & FLAG_MORE) return;
      const handles = this._unanswered.get(destinationOf(frame));
      if (handles) handles.delete(handleOf(frame));
    };
  }

  /** Starts a thread unless one runs. */
  start(): Stream {
    if (this._stream) return this._stream;
    const { router, config, core } = this._options;
    const worker = new Worker(THREAD_MAIN, { eval: true, env: SHARE_ENV });
    const stream = router.addStream('thread', router.id);
    this._number = (this._number % ((1 << (32 - THREAD_SHIFT)) - 1)) + 1;
    this._stream = stream;
    const boot: ThreadBoot = { core, config, id: router.id, thread: this._number };
    worker.postMessage(boot);
    worker.on('error', (error) => this._ended(stream, String(error)));
    worker.on('exit', (code) => this._ended(stream, `the work thread ended with status ${code}`));
    stream.attach(portTransport(worker));
    stream.open();
    return stream;
  }

  /** The thread for a call, which is now owed an answer. */
  private _take(frame: Buffer): Stream {
    const stream = this.start();
    const replyHandle = replyHandleOf(frame);
    if (replyHandle) {
      const source = sourceOf(frame);
      const handles = this._unanswered.get(source);
      if (handles) handles.add(replyHandle);
      else this._unanswered.set(source, new Set([replyHandle]));
    }
    return stream;
  }

  private _ended(stream: Stream, reason: string): void {
    if (this._stream !== stream) return;
    this._stream = undefined;
    stream.close(reason);
    const { router, log } = this._options;
    log(ERROR, reason);
    const unanswered = this._unanswered;
    this._unanswered = new Map();
    unanswered.forEach((handles, source) => {
      handles.forEach((replyHandle) => {
        router.replyDead({ source, replyHandle }, 'ERR_THREAD_ENDED', reason);
      });
    });
  }
}
