/**
 * Pushed: part of the core, in every context.
 *
 * The main thread's side of the work thread: starts it, knows which calls it owes an answer, and
 * answers for it when it ends. The rest of that side is in the `thread` bundle (thread/host.ts).
 */

import type { Worker } from 'node:worker_threads';
import type { Message } from '../routing/message.js';
import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';
import { FLAG_FIRST, FLAG_MORE } from '../wire/flags.js';
import {
  destinationOf,
  flagsOf,
  handleOf,
  numberOf,
  replyHandleOf,
  sourceOf,
} from '../wire/frame.js';
import { CALL, CANCEL, SERVICE, THREAD_SHIFT } from '../wire/handles.js';
import { ERROR } from '../wire/levels.js';
import { type Config, threadModuleOf } from './config.js';
import type { Exports, Loader } from './loader.js';
import type { Log } from './log.js';

export interface WorkThreadOptions {
  router: Router;
  config: Config;
  core: string;
  log: Log;
  loader: Loader;
  /** The text of a module. */
  getText(hash: string): Promise<string>;
  /** Starts a thread, which waits for a {@link ThreadBoot}. */
  startWorker(): Worker;
  /** All work threads of the context, where it has several: see thread/several.ts. */
  threads?: WorkThread[];
}

/** A work thread, or the place of one to come: what is sent to it waits. */
export interface Seat {
  stream: Stream;
  worker?: Worker;
  /** Calls without an answer yet: source to reply handles. */
  calls: Map<number, Set<number>>;
  /** What Linux calls the thread, once it runs user code and is one of several. */
  tid?: number;
}

export class WorkThread {
  /** The thread that runs. */
  current: Seat | undefined;
  /** Takes the calls while it is open whether the current thread goes on. */
  held: Seat | undefined;
  /** Called when a call was answered. */
  onAnswer: () => void = () => {};

  /** Number of the thread that runs; the next one gets the number above. */
  number = 0;

  /** Of the `thread` bundle. */
  private _hash: string;

  constructor(readonly options: WorkThreadOptions) {
    const { router } = options;
    this._hash = threadModuleOf(options.config);
    router.threadOf = (index, frame) => {
      const handle = handleOf(frame);
      if (index === 0) return handle === CALL || handle === SERVICE ? this._take(frame) : undefined;
      return index === this.number && this.current ? this.current.stream : undefined;
    };
    router.onThreadFrame = (frame) => {
      const seat = this.current;
      if (!seat) return;
      const handles = seat.calls.get(destinationOf(frame));
      if (!handles || flagsOf(frame) & FLAG_MORE || !handles.delete(handleOf(frame))) return;
      this.onAnswer();
    };
    router.listen(
      {
        policy: router.isAbove,
        onMessage: (message) => {
          const run = ({ cancel }: Exports) => (cancel as CancelExport)(this, message);
          // The call that comes next must find the decision made, or wait for it.
          const loaded = options.loader.loaded(this._hash);
          if (loaded) return run(loaded);
          const { current } = this;
          if (!current) return;
          this.held = this.held || this.newSeat();
          this._host().then(run, (error) => this.ended(current, String(error)));
        },
      },
      CANCEL,
    );
  }

  /** Starts a thread unless one runs. */
  start(): Seat {
    if (this.current) return this.current;
    const { getText, startWorker } = this.options;
    const seat = this.held || this.newSeat();
    const worker = startWorker();
    this.number = (this.number % ((1 << (32 - THREAD_SHIFT)) - 1)) + 1;
    seat.worker = worker;
    this.current = seat;
    this.held = undefined;
    worker.on('error', (error) => this.ended(seat, String(error)));
    worker.on('exit', (code) => this.ended(seat, `the work thread ended with status ${code}`));
    Promise.all([getText(this._hash), this._host()])
      .then(([bundle, { serve }]) => (serve as ServeExport)(this, seat, bundle))
      .catch((error) => {
        worker.terminate();
        this.ended(seat, String(error));
      });
    return seat;
  }

  newSeat(): Seat {
    const { router } = this.options;
    return { stream: router.addStream('thread', router.id), calls: new Map() };
  }

  /** A thread is gone, or given up: fails what it owes. The next call starts another. */
  ended(seat: Seat, reason: string): void {
    if (this.current !== seat) return;
    this.current = undefined;
    seat.stream.close(reason);
    const { router, log } = this.options;
    log(ERROR, reason);
    seat.calls.forEach((handles, source) => {
      handles.forEach((replyHandle) => {
        router.replyDead({ source, replyHandle }, 'ERR_THREAD_ENDED', reason);
      });
    });
    if (this.held) this.start();
  }

  private _host(): Promise<Exports> {
    return this.options.loader.load(this._hash);
  }

  /** The thread for a call, which is now owed an answer. */
  private _take(frame: Buffer): Stream {
    const { stream, calls } = this.held || this.start();
    const replyHandle = replyHandleOf(frame);
    // Behind the first frame of a call it may be answered already.
    if (replyHandle && (!numberOf(frame) || flagsOf(frame) & FLAG_FIRST)) {
      const source = sourceOf(frame);
      calls.set(source, (calls.get(source) || new Set()).add(replyHandle));
    }
    return stream;
  }
}

/** The exports of the `thread` bundle for the main thread. */
export type CancelExport = (thread: WorkThread, message: Message) => void;
export type ServeExport = (thread: WorkThread, seat: Seat, bundle: string) => Promise<void>;
