/**
 * The reading end: a queue of messages.
 */

import { ChannelError } from './channel-error.js';
import type { Received, SelectEvent, Source } from './source.js';
import { toReadable, toWebReadable, type WebReadable } from './streams.js';
import { type WaitOptions, wait } from './wait.js';

/** What fills a receiver. Both do nothing after its end. */
export interface Feed<Value, From> {
  /** Adds a message. */
  deliver(message: Received<Value, From>): void;
  /** Nothing more will come; with a `reason` where that is not as it should be. */
  end(reason?: unknown): void;
}

/**
 * Receives messages, in order. Reading: `get()` for one value, `for await` for all.
 *
 * A receiver that `callAsync` returned gets one message and then ends.
 */
export class Receiver<Value = unknown, From = unknown>
  implements Source<Value, From>, AsyncDisposable
{
  private _queue: Received<Value, From>[] = [];
  private _watchers: Set<() => void> = new Set();
  /** Why nothing more will come; undefined while more may. */
  private _ended: unknown;
  private _isEnded = false;
  private _onClose: (reason: unknown) => void;

  /**
   * Calls `start` with what fills the receiver. `start` may return what is called, once, when the
   * reader closes the receiver before its end, with the reason.
   */
  constructor(start: (feed: Feed<Value, From>) => ((reason: unknown) => void) | undefined) {
    this._onClose =
      start({
        deliver: (message) => this._deliver(message),
        end: (reason) => this._end(reason),
      }) || (() => {});
  }

  /** Messages that have come and have not been read. */
  get size(): number {
    return this._queue.length;
  }

  get isEnded(): boolean {
    return this._isEnded;
  }

  /**
   * The value of the next message.
   *
   * @throws what the message reports; {@link ChannelError} ERR_CLOSED_HERE after `close`, and
   * ERR_ENDED where nothing more will come; {@link TimeoutError}; the signal's reason.
   */
  async get(options: WaitOptions = {}): Promise<Value> {
    const item = await next(this, options);
    if (item) return item.message.value;
    throw this._ended || new ChannelError('ERR_ENDED', 'the receiver has ended');
  }

  /**
   * Ends the receiver: what has not been read is dropped, and those who wait get an error. Those who
   * send get a {@link ChannelError} ERR_CLOSED_THERE, with the reason as `cause`. Does nothing after
   * the end.
   */
  close(reason?: unknown): void {
    if (this._isEnded) return;
    this._queue = [];
    this._end(new ChannelError('ERR_CLOSED_HERE', 'the receiver was closed here'));
    this._onClose(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** A readable stream of objects. To destroy it closes the receiver; a loss is its error. */
  toReadable(): import('node:stream').Readable {
    return toReadable(this);
  }

  /**
   * The same for the Web.
   *
   * @throws {@link ChannelError} ERR_NO_WEB_STREAMS, before Node 18.
   */
  toWeb(): WebReadable<Value> {
    return toWebReadable(this);
  }

  /** Reads values until the clean end; throws at a loss. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Value, void, undefined> {
    for (let item = await next(this); item; item = await next(this)) yield item.message.value;
    if (this._ended) throw this._ended;
  }

  take(): SelectEvent<Value, From> | undefined {
    const message = this._queue.shift();
    return message && { receiver: this, message };
  }

  watch(listener: () => void): () => void {
    this._watchers.add(listener);
    return () => void this._watchers.delete(listener);
  }

  private _deliver(message: Received<Value, From>): void {
    if (this._isEnded) return;
    this._queue.push(message);
    this._notify();
  }

  private _end(reason: unknown): void {
    if (this._isEnded) return;
    this._isEnded = true;
    this._ended = reason;
    this._notify();
  }

  private _notify(): void {
    for (const watcher of [...this._watchers]) watcher();
  }
}

/**
 * Takes the next item of a source, or undefined at its end. Takes it in the moment in which it comes:
 * those who wait are served in the order in which they began, and a wait that fails takes nothing.
 */
export function next<Value, From>(
  source: Source<Value, From>,
  options: WaitOptions = {},
): Promise<SelectEvent<Value, From> | undefined> {
  const first = source.take();
  if (first || source.isEnded) return Promise.resolve(first);
  let unwatch = () => {};
  return wait<SelectEvent<Value, From> | undefined>(
    options,
    'waiting for a message',
    (resolve) => {
      unwatch = source.watch(() => {
        const item = source.take();
        if (!item && !source.isEnded) return;
        unwatch();
        resolve(item);
      });
    },
    () => unwatch(),
  );
}
