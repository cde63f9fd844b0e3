/**
 * Pushed: part of the `thread` bundle; runs where user code runs.
 *
 * The signals of calls: each call has one, which an AbortSignal among its arguments becomes.
 */

import { isMainThread } from 'node:worker_threads';
import type { Message } from '../routing/message.js';
import type { Router } from '../routing/router.js';
import type { CallPayload, Dispatcher } from '../runtime/dispatcher.js';
import { type Endpoints, SIGNAL } from '../wire/endpoints.js';

/** What an AbortController is, where Node has none (before 15). */
interface Controller {
  signal: unknown;
  abort(reason: unknown): void;
}

const keyOf = (source: number, replyHandle: number) => `${source}:${replyHandle}`;

export function installSignals(router: Router, dispatcher: Dispatcher, endpoints: Endpoints): void {
  const controllers: Map<string, Controller> = new Map();
  /** The call that is being decoded. */
  let key = '';
  dispatcher.decode = (message: Message) => {
    key = keyOf(message.source, message.replyHandle);
    try {
      return router.decode(message) as CallPayload;
    } finally {
      key = '';
    }
  };
  endpoints.arrives(SIGNAL, () => {
    if (!key) throw new TypeError('a signal is an argument of a call, and nothing else');
    const controller = controllers.get(key) || makeController();
    controllers.set(key, controller);
    return controller.signal;
  });
  const { onDone } = dispatcher;
  dispatcher.onDone = (message) => {
    controllers.delete(keyOf(message.source, message.replyHandle));
    onDone(message);
  };
  dispatcher.onCancel = (message) => {
    const payload = router.decode(message) as unknown[];
    // The main thread hands on whose call it is; without a work thread the caller says it itself.
    if (isMainThread) payload.unshift(message.source);
    const [source, replyHandle, reason] = payload as [number, number, unknown];
    controllers.get(keyOf(source, replyHandle))?.abort(reason);
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
