/**
 * Pushed: part of the `thread` bundle; runs where user code runs.
 *
 * The signals of calls: each call has one, which an AbortSignal among its arguments becomes. And calls
 * that were given up before they came, which do not start.
 */

import { isMainThread } from 'node:worker_threads';
import { DeadLetterError } from '../errors.js';
import type { Message } from '../routing/message.js';
import type { Router } from '../routing/router.js';
import type { CallPayload } from '../runtime/call-payload.js';
import { type Endpoints, SIGNAL } from '../wire/endpoints.js';
import { CALL, THREAD_SHIFT } from '../wire/handles.js';
import type { Dispatcher } from './dispatcher.js';

/** What an AbortController is, where Node has none (before 15). */
interface Controller {
  signal: unknown;
  abort(reason: unknown): void;
}

/**
 * [source, reply handle; or the number of a thread alone, in its place: all calls of that thread of the
 * source; reason; with a number, the caller does not wait for the call any more].
 */
type Cancel = [number, number, unknown, number?];

const keyOf = (source: number, replyHandle: number) => `${source}:${replyHandle}`;
/** The thread of the source that has made a call. */
const threadOf = (source: number, replyHandle: number) =>
  keyOf(source, replyHandle >>> THREAD_SHIFT);

export function installSignals(router: Router, dispatcher: Dispatcher, endpoints: Endpoints): void {
  /** Calls that have come and are not over. */
  const calls: Map<string, Controller | undefined> = new Map();
  /** What is said of calls that have not come, by source and its thread, then by reply handle. */
  const early: Map<string, Map<number, Cancel>> = new Map();
  /** The same, once they have come. */
  const doomed: WeakMap<Message, Cancel> = new WeakMap();
  /** The call that is being decoded. */
  let key = '';
  const meet = (message: Message) => {
    const { source, replyHandle, handle } = message;
    const cancels = early.get(threadOf(source, replyHandle));
    if (!cancels || !replyHandle || handle !== CALL) return;
    const cancel = cancels.get(replyHandle);
    if (cancel) doomed.set(message, cancel);
    // Calls of a thread come in the order of their handles, which begin anew at their end: those before
    // this one are over, or have come to another thread here.
    cancels.forEach((_, other) => {
      if ((replyHandle - other) << (32 - THREAD_SHIFT) >= 0) cancels.delete(other);
    });
  };
  dispatcher.decode = (message: Message) => {
    meet(message);
    key = keyOf(message.source, message.replyHandle);
    calls.set(key, calls.get(key));
    try {
      return router.decode(message) as CallPayload;
    } finally {
      key = '';
    }
  };
  endpoints.arrives(SIGNAL, () => {
    if (!key) throw new TypeError('a signal is an argument of a call, and nothing else');
    const controller = calls.get(key) || makeController();
    calls.set(key, controller);
    return controller.signal;
  });
  const { onDone } = dispatcher;
  const run = dispatcher.run.bind(dispatcher);
  dispatcher.run = (call, exports, message) => {
    const cancel = doomed.get(message);
    if (cancel) {
      dispatcher.abort(...cancel);
      if (cancel[3] !== undefined) throw cancel[2];
    }
    return run(call, exports, message);
  };
  dispatcher.onDone = (message, error) => {
    calls.delete(keyOf(message.source, message.replyHandle));
    onDone(message, error);
  };
  dispatcher.abort = (source, replyHandle, reason) =>
    calls.get(keyOf(source, replyHandle))?.abort(reason);
  /** Gives up the calls of a source, or of one of its threads. */
  const abortAll = (lost: number, reason: unknown, thread?: string) => {
    early.forEach((_, key) => {
      if (thread ? key === thread : key.startsWith(`${lost}:`)) early.delete(key);
    });
    for (const known of [...calls.keys()]) {
      const [source, replyHandle] = known.split(':').map(Number) as [number, number];
      if (source === lost && (!thread || threadOf(source, replyHandle) === thread)) {
        dispatcher.abort(source, replyHandle, reason, 0);
      }
    }
  };
  const { onContextLost } = router;
  router.onContextLost = (id, reason) => {
    onContextLost(id, reason);
    const text = `the caller, context ${id}, is lost: ${reason}`;
    abortAll(id, new DeadLetterError('ERR_CONTEXT_LOST', text));
  };
  dispatcher.onCancel = (message) => {
    const payload = router.decode(message) as unknown[];
    // The main thread hands on whose call it is; without a work thread the caller says it itself.
    if (isMainThread) payload.unshift(message.source);
    const cancel = payload as Cancel;
    const [source, replyHandle, reason, graceMs] = cancel;
    const thread = threadOf(source, replyHandle);
    if (!(replyHandle << (32 - THREAD_SHIFT))) return abortAll(source, reason, thread);
    if (calls.has(keyOf(source, replyHandle))) return dispatcher.abort(...cancel);
    const cancels = early.get(thread) || new Map();
    early.set(thread, cancels.set(replyHandle, cancel));
    if (graceMs === undefined) return;
    // Nobody reads it, but the main thread sees that there is nothing to end here.
    router.send({ destination: source, handle: replyHandle, body: router.encode(undefined) });
  };
}

function makeController(): Controller {
  const { AbortController } = globalThis as { AbortController?: new () => Controller };
  return AbortController ? new AbortController() : new OldController();
}

/** Enough of an AbortSignal for code that checks, listens or passes it on within its own process. */
class OldController implements Controller {
  signal = {
    aborted: false,
    reason: undefined as unknown,
    onabort: null as ((event: unknown) => void) | null,
    throwIfAborted() {
      if (this.aborted) throw this.reason;
    },
    addEventListener: (_: string, listener: (event: unknown) => void) =>
      void this._listeners.add(listener),
    removeEventListener: (_: string, listener: (event: unknown) => void) =>
      void this._listeners.delete(listener),
  };

  private _listeners: Set<(event: unknown) => void> = new Set();

  abort(reason: unknown): void {
    if (this.signal.aborted) return;
    Object.assign(this.signal, { aborted: true, reason });
    const event = { type: 'abort', target: this.signal };
    for (const listener of [this.signal.onabort, ...this._listeners]) {
      if (listener) listener.call(this.signal, event);
    }
  }
}
