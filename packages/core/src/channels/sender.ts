/**
 * Pushed: part of the `context` bundle; npm has it too.
 *
 * The writing end: sends as the reader reads.
 */

import { DeadLetterError } from '../errors.js';
import type { Router } from '../routing/router.js';
import { OF_ANOTHER_ROUTER } from '../wire/endpoints.js';
import {
  CHANNEL_WINDOW_BYTES,
  MAX_CHANNEL_WINDOW_BYTES,
  MAX_FRAME_PAYLOAD,
} from '../wire/limits.js';
import type { Address } from './address.js';
import { ChannelError } from './channel-error.js';
import { Line, type Place } from './line.js';
import {
  CLOSED,
  END,
  encodeReason,
  encodeValue,
  FAIL,
  GRANT,
  LOST,
  type Said,
  textOf,
} from './protocol.js';
import {
  type SendAllOptions,
  type Sendables,
  sendAll,
  toWebWritable,
  toWritable,
  type WebWritable,
} from './streams.js';
import { type WaitOptions, wait } from './wait.js';

/** A message that waits for credit. */
interface Waiting {
  readonly body: Buffer;
  /** Whether it waits for those before it alone. */
  readonly isFree: boolean;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Sends to a receiver, wherever that is. As an argument or a result it travels to any context, which
 * then has the same sender. `close` it, or `abort` it where
 * something has failed: the receiver waits for one of them. `await using` closes it, also after a throw:
 * its reader then takes what has come for all.
 */
export class Sender<Value = unknown> implements AsyncDisposable {
  /** For Kinetin's own use. Where the other end of a channel sends to. */
  back: Address | [] = [];
  /** For Kinetin's own use. How often it has left for another context. */
  given = 0;

  private readonly _place: Place;
  private _address: Address | undefined;
  private _line: Line | undefined;
  /** Bytes that may leave; the last message may exceed them. */
  private _credit = CHANNEL_WINDOW_BYTES;
  private readonly _waiting: Set<Waiting> = new Set();
  /** What has left before the other end of a channel was there. */
  private _early: Buffer[] = [];
  /** Whether its messages wait for room on the way. */
  private _isHeldUp = false;
  private _isClosing = false;
  private _isEnded = false;
  /** What those get who send after the end. */
  private _error: unknown;
  /** Why it ended, where neither end has closed it. */
  private _loss: unknown;
  private readonly _listeners: Set<() => void> = new Set();

  /** For Kinetin's own use. */
  constructor(place: Place, address?: Address) {
    this._place = place;
    this._address = address;
  }

  get endpoint(): 'sender' {
    return 'sender';
  }

  /** For Kinetin's own use. Throws a TypeError where it sends by way of another router. */
  checkRouter(core: Router): void {
    if (this._place.core !== core) throw new TypeError(OF_ANOTHER_ROUTER);
  }

  /** Whether nothing can be sent any more: it was closed, at either end, or the receiver is lost. */
  get isEnded(): boolean {
    return this._isEnded || this._isClosing;
  }

  /**
   * Sends a message, which is encoded at once. Resolves when it has left, which is when its reader
   * has read enough of those before it, and the connection has room. Order: as called, also without
   * awaiting.
   *
   * @throws {@link SerializeError} and {@link ProtocolError} ERR_MESSAGE_TOO_LARGE: it cannot travel;
   * {@link ChannelError} ERR_CLOSED_THERE: the receiver takes no more, with its reason as `cause`;
   * ERR_CLOSED_HERE after `close`; {@link DeadLetterError}: the receiver is lost. After a
   * {@link TimeoutError}, or the signal's reason, this message is not sent.
   */
  async send(value: Value, options: WaitOptions = {}): Promise<void> {
    this.open();
    if (this._isEnded) throw this._error;
    if (this._isClosing) throw closedHere();
    const body = encodeValue(this._place.core, value);
    if (this._waiting.size === 0 && !options.signal?.aborted && this._mayLeave()) {
      return this._spend(body);
    }
    await this._queue(body, false, options);
  }

  /**
   * Sends all of a source, one after the other, as the reader reads: any iterable, async or not, a
   * stream of Node or of the Web. Then closes this sender. Where the source fails, or the wait ends,
   * the reader learns it as a loss; where the receiver takes no more, the source is ended.
   *
   * @throws what the source throws, and as `send`.
   */
  sendAll(source: Sendables<Value>, options: SendAllOptions = {}): Promise<void> {
    return sendAll(this, source, options);
  }

  /**
   * Nothing more will come: the reader reads what was sent, and then the end. Resolves when all has
   * arrived, or where the receiver was closed. Idempotent.
   *
   * @throws {@link DeadLetterError}: the receiver is lost; {@link TimeoutError}, the signal's reason.
   */
  close(options: WaitOptions = {}): Promise<void> {
    if (!this._isClosing) {
      this.open();
      this._isClosing = true;
      // Where it ends before that, `whenEnded` tells.
      if (!this._isEnded) this._queue(this._place.core.encode([END]), true, {}).catch(() => {});
    }
    return this._end(options);
  }

  /**
   * Nothing more will come, and that is a failure: the reader reads what has left, and then gets a
   * {@link ChannelError} ERR_ABORTED_THERE with the reason as `cause`. Resolves as `close` does, also
   * where the receiver is lost.
   */
  async abort(reason?: unknown, options: WaitOptions = {}): Promise<void> {
    this.open();
    this._isClosing = true;
    if (!this._isEnded) {
      this._drop(closedHere());
      this._leave(encodeReason(this._place.core, FAIL, reason));
    }
    await this._end(options, false);
  }

  /** A writable stream of objects. Its end closes this sender, its failure aborts it. */
  toWritable(): import('node:stream').Writable {
    return toWritable(this);
  }

  /**
   * The same for the Web.
   *
   * @throws {@link ChannelError} ERR_NO_WEB_STREAMS, before Node 18.
   */
  toWeb(): WebWritable<Value> {
    return toWebWritable(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For Kinetin's own use. Where it sends; undefined while a channel has no other end. */
  get address(): Address | undefined {
    return this._address;
  }

  /** For Kinetin's own use. Calls `listener` when it has ended. Returns what stops that. */
  whenEnded(listener: (error: unknown) => void): () => void {
    const tell = () => listener(this._error);
    if (this._isEnded) tell();
    else this._listeners.add(tell);
    return () => void this._listeners.delete(tell);
  }

  /** For Kinetin's own use. The other end of the channel is there. */
  connect(address: Address): void {
    if (this._isEnded) return;
    this._address = address;
    this.open();
  }

  /** For Kinetin's own use. Introduces itself to its receiver, once. */
  open(): void {
    const { _address, _place } = this;
    if (this._line || !_address) return;
    const [context, handle, key] = _address;
    const line = new Line(_place, context, handle, {
      onSaid: (said) => this._onSaid(said),
      onLost: (error) => this._onLost(error),
    });
    this._line = line;
    line.say(key, ...this.back);
    const early = this._early;
    this._early = [];
    for (const body of early) if (!this._isEnded) line.send(body);
  }

  /** For Kinetin's own use. It has ended: `loss` where nobody has closed it. */
  end(error: unknown, loss?: unknown): void {
    if (this._isEnded) return;
    this._isEnded = true;
    this._error = error;
    this._loss = loss;
    this._early = [];
    this._line?.end();
    this._drop(error);
    for (const listener of [...this._listeners]) listener();
    this._listeners.clear();
  }

  private _queue(body: Buffer, isFree: boolean, options: WaitOptions): Promise<void> {
    let waiting: Waiting | undefined;
    return wait<void>(
      options,
      'sending a message',
      (resolve, reject) => {
        waiting = { body, isFree, resolve, reject };
        this._waiting.add(waiting);
        this._pump();
      },
      () => {
        if (waiting) this._waiting.delete(waiting);
      },
    );
  }

  /** Lets leave what may, up to so many bytes and one message. Returns whether more may. */
  private _pump(bytes = Number.POSITIVE_INFINITY): boolean {
    let left = bytes;
    for (const waiting of this._waiting) {
      if (left <= 0) return true;
      if (!waiting.isFree && !this._mayLeave()) return false;
      this._waiting.delete(waiting);
      left -= waiting.body.length;
      this._spend(waiting.body);
      waiting.resolve();
    }
    return false;
  }

  /**
   * Whether a message may leave now. Credit alone does not say so: a receiver can grant without reading,
   * and what it does not read would pile up here.
   */
  private _mayLeave(): boolean {
    const { core, whenDrained } = this._place;
    if (this._credit <= 0 || this._isHeldUp) return false;
    if (!whenDrained || !this._address || !core.isCrowded(this._address[0])) return true;
    this._isHeldUp = true;
    whenDrained(() => {
      this._isHeldUp = false;
      return this._pump(MAX_FRAME_PAYLOAD);
    });
    return false;
  }

  /** What counts is what a receiver can count: the payload, and a header for each message. */
  private _spend(body: Buffer): void {
    this._credit -= body.length;
    this._leave(body);
  }

  private _leave(body: Buffer): void {
    if (this._line) this._line.send(body);
    else this._early.push(body);
  }

  private _drop(error: unknown): void {
    const waiting = [...this._waiting];
    this._waiting.clear();
    for (const { reject } of waiting) reject(error);
  }

  private _end(options: WaitOptions, isLossTold = true): Promise<void> {
    // Nobody to wait for: what has left early goes to the other end when that comes.
    if (!this._address) return Promise.resolve();
    let stop = () => {};
    return wait<void>(
      options,
      'closing a sender',
      (resolve, reject) => {
        stop = this.whenEnded(() => (isLossTold && this._loss ? reject(this._loss) : resolve()));
      },
      () => stop(),
    );
  }

  private _onSaid([what, detail, text]: Said): void {
    if (what === GRANT && typeof detail === 'number' && detail > 0) {
      // Never more than the largest window, whatever the other end says.
      this._credit = Math.min(this._credit + detail, MAX_CHANNEL_WINDOW_BYTES);
      this._pump();
    }
    if (what === CLOSED) this._onClosed(detail);
    if (what === LOST) {
      const error = new DeadLetterError(String(detail), String(text));
      this.end(error, error);
    }
  }

  private _onClosed(reason: unknown): void {
    const isAnswer = this._isClosing && this._waiting.size === 0;
    this.end(isAnswer ? closedHere() : closedThere(reason));
  }

  private _onLost(error: unknown): void {
    const { code, message } = error as DeadLetterError;
    if (code === 'ERR_NO_HANDLE') return this.end(closedThere('it has ended'));
    this.end(error, error);
    // Where it is there, and only a message was lost, it must not wait for more.
    this._line?.say(LOST, code, message);
  }
}

function closedHere(): ChannelError {
  return new ChannelError('ERR_CLOSED_HERE', 'cannot send: the sender was closed here');
}

function closedThere(reason: unknown): ChannelError {
  const why = reason === undefined ? '' : `: ${textOf(reason)}`;
  return new ChannelError('ERR_CLOSED_THERE', `cannot send: the receiver was closed${why}`, {
    cause: reason,
  });
}
