/**
 * Pushed: part of the `context` bundle; npm has it too.
 *
 * What a receiver has for each of its senders: a handle, and those who send there. A sender may be
 * held by many contexts, and by each thread of one; each has credit of its own.
 */

import { DeadLetterError, ProtocolError } from '../errors.js';
import type { Message } from '../routing/message.js';
import { deserialize } from '../wire/deserialize.js';
import { HEADER_BYTES } from '../wire/frame.js';
import { THREAD_SHIFT } from '../wire/handles.js';
import { CHANNEL_WINDOW_BYTES, MAX_WORK_THREADS } from '../wire/limits.js';
import { type Address, makeKey } from './address.js';
import { ChannelError } from './channel-error.js';
import { Line, type Place } from './line.js';
import {
  CLOSED,
  DATA,
  END,
  encodeReason,
  FAIL,
  GRANT,
  type Introduction,
  LOST,
  type Said,
  textOf,
} from './protocol.js';

/** A thread of a context that sends. */
export class Holder {
  readonly replyHandle: number;

  private _line: Line;
  /** Bytes that have come and for which no credit was given back. */
  private _outstanding = 0;
  /** Of these, the bytes that were read. */
  private _read = 0;
  private _isOver = false;

  constructor(
    place: Place,
    message: Message,
    private _windowBytes: number,
    onLost: (error: unknown) => void,
  ) {
    this.replyHandle = message.replyHandle;
    this._line = new Line(place, message.source, message.replyHandle, { onSaid() {}, onLost });
    // Also where that is nothing, it leaves a trace on the way: who is on it tells of a loss.
    this._line.say(GRANT, _windowBytes - CHANNEL_WINDOW_BYTES);
  }

  /** Notes what has come. Returns false where that is more than it may send. */
  arrived(bytes: number): boolean {
    const isAllowed = this._outstanding < this._windowBytes;
    this._outstanding += bytes;
    return isAllowed;
  }

  /**
   * So much of what has come was read. The sender hears of it later, as it may send at once: each time
   * that half of the window was read.
   */
  read(bytes: number): void {
    const before = this._read;
    const half = this._windowBytes / 2;
    this._read += bytes;
    if (before >= half || this._read < half) return;
    process.nextTick(() => {
      if (this._isOver) return;
      const read = this._read;
      this._read = 0;
      this._outstanding -= read;
      this._line.say(GRANT, read);
    });
  }

  /** Tells it that nothing is taken any more. */
  end(body: Buffer): void {
    this._isOver = true;
    this._line.send(body);
    this._line.end();
  }
}

export interface IntakeOptions {
  readonly place: Place;
  /** Whether there is one holder at most. */
  readonly isExclusive?: boolean;
  /** What each holder may have under way before it is read: at least CHANNEL_WINDOW_BYTES. */
  readonly windowBytes?: number | undefined;
  /** Who may send, of those who have the key. */
  allows(message: Message): boolean;
}

export interface IntakeEvents {
  /** Throws where the introduction makes no sense. */
  onHolder(message: Message, introduction: Introduction): void;
  /** To be followed by `holder.read(bytes)`. */
  onValue(value: unknown, message: Message, holder: Holder, bytes: number): void;
  /** Closed by a holder. Nothing follows. */
  onEnd(): void;
  /** Nothing good will follow; the intake is still to be closed. */
  onFailed(error: unknown): void;
}

export class Intake {
  readonly address: Address;

  private _options: IntakeOptions;
  private _events: IntakeEvents;
  /** By context and place of the thread, so that one context has a bounded number of them. */
  private _holders: Map<string, Holder> = new Map();
  /** Set where it is to be closed with its first holder, which has to be told. */
  private _closing: { reason: unknown } | undefined;

  constructor(options: IntakeOptions, events: IntakeEvents) {
    this._options = options;
    this._events = events;
    const { core } = options.place;
    const handle = core.listen({
      policy: (message) => this._holderOf(message) !== undefined || this._mayOpen(message),
      onMessage: (message) => this._onMessage(message),
    });
    this.address = [core.id, handle, makeKey()];
  }

  /** Whether somebody sends there. */
  get isHeld(): boolean {
    return this._holders.size > 0;
  }

  /**
   * Takes nothing any more, and tells those who send why; where it `isAwaited`, also the one who is
   * still to come. Idempotent.
   */
  close(reason?: unknown, isAwaited = this._options.isExclusive): void {
    const { core } = this._options.place;
    if (isAwaited && this._holders.size === 0) {
      this._closing = { reason };
      return;
    }
    core.unlisten(this.address[1]);
    const holders = [...this._holders.values()];
    this._holders.clear();
    for (const holder of holders) holder.end(encodeReason(core, CLOSED, reason));
  }

  private _holderOf(message: Message): Holder | undefined {
    const holder = this._holders.get(placeOf(message));
    return holder?.replyHandle === message.replyHandle ? holder : undefined;
  }

  /** Nothing but plain values is decoded for strangers. */
  private _mayOpen(message: Message): boolean {
    const { isExclusive, allows } = this._options;
    if (isExclusive && this._holders.size > 0) return false;
    try {
      const [key] = deserialize(message.payload) as Introduction;
      return message.replyHandle > 0 && key === this.address[2] && allows(message);
    } catch {
      return false;
    }
  }

  private _onMessage(message: Message): void {
    const { core } = this._options.place;
    let said: unknown;
    try {
      said = core.decode(message);
      if (!Array.isArray(said)) throw badPayload('it is no list');
    } catch (error) {
      return this._events.onFailed(error);
    }
    const holder = this._holderOf(message);
    if (holder) this._onSaid(said as Said, message, holder);
    else this._open(message, said as Introduction);
  }

  private _open(message: Message, introduction: Introduction): void {
    const place = placeOf(message);
    // One thread at a time has a place: the one that had the sender has ended.
    if (this._holders.has(place)) {
      const text = `the work thread of context ${message.source} has ended`;
      return this._events.onFailed(new DeadLetterError('ERR_THREAD_ENDED', text));
    }
    const onLost = (error: unknown) => this._events.onFailed(error);
    const { place: here, windowBytes = CHANNEL_WINDOW_BYTES } = this._options;
    this._holders.set(place, new Holder(here, message, windowBytes, onLost));
    try {
      this._events.onHolder(message, introduction);
    } catch (error) {
      return this._events.onFailed(badPayload((error as Error).message));
    }
    if (this._closing) this.close(this._closing.reason);
  }

  private _onSaid([what, detail, text]: Said, message: Message, holder: Holder): void {
    const { onValue, onEnd, onFailed } = this._events;
    const bytes = HEADER_BYTES + message.payload.length;
    switch (what) {
      case DATA:
        if (holder.arrived(bytes)) return onValue(detail, message, holder, bytes);
        return onFailed(
          new ChannelError(
            'ERR_CREDIT',
            `the receiver has failed: context ${message.source} sent more than it may`,
          ),
        );
      case END:
        this.close('one of those who have this sender has closed it');
        return onEnd();
      case FAIL:
        return onFailed(
          new ChannelError('ERR_ABORTED_THERE', `the sender has failed: ${textOf(detail)}`, {
            cause: detail,
          }),
        );
      case LOST:
        return onFailed(new DeadLetterError(String(detail), String(text)));
      default:
        return onFailed(badPayload('a sender says what it should not'));
    }
  }
}

/** Threads that run at the same time differ in these bits of their numbers. */
function placeOf({ source, replyHandle }: Message): string {
  return `${source}:${(replyHandle >>> THREAD_SHIFT) & MAX_WORK_THREADS}`;
}

function badPayload(why: string): ProtocolError {
  return new ProtocolError('ERR_BAD_PAYLOAD', `payload cannot be decoded: ${why}`);
}
