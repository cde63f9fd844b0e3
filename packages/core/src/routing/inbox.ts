/**
 * Pushed: part of the core, in every context.
 *
 * Puts the frames of large messages together again, and grants their senders credit as they come.
 */

import {
  FLAG_MORE,
  flagsOf,
  type Header,
  numberOf,
  payloadOf,
  readHeader,
  sourceOf,
} from '../wire/frame.js';
import { GRANT_BYTES } from '../wire/limits.js';
import type { Message } from './message.js';

interface Partial {
  chunks: Buffer[];
  bytes: number;
  /** Bytes taken since the last grant. */
  ungranted: number;
  /** Too large: the rest is thrown away as it comes. */
  refused: boolean;
}

export interface InboxEvents {
  /** Grants `bytes` more of message `number` to its source. */
  onGrant(source: number, number: number, bytes: number): void;
  /** A message exceeds the limit: its sender is told, once, by the header of a frame of it. */
  onTooLarge(frame: Buffer): void;
}

export class Inbox {
  /** Messages of which more frames are to come, by source, then number. */
  private _partials: Map<number, Map<number, Partial>> = new Map();

  constructor(
    private _maxBytes: number,
    private _events: InboxEvents,
  ) {}

  /** The message that `frame` completes, or undefined while more is to come. */
  take(frame: Buffer): Message | undefined {
    const source = sourceOf(frame);
    const number = numberOf(frame);
    const payload = payloadOf(frame);
    const more = flagsOf(frame) & FLAG_MORE;
    if (number === 0) return withPayload(readHeader(frame), payload);
    let ofSource = this._partials.get(source);
    let partial = ofSource?.get(number);
    if (!partial) {
      if (!ofSource) this._partials.set(source, (ofSource = new Map()));
      partial = { chunks: [], bytes: 0, ungranted: 0, refused: false };
      ofSource.set(number, partial);
    }
    this._add(partial, frame, payload);
    if (more) {
      this._grant(partial, source, number, payload.length);
      return undefined;
    }
    (ofSource as Map<number, Partial>).delete(number);
    if (ofSource?.size === 0) this._partials.delete(source);
    if (partial.refused) return undefined;
    return withPayload(readHeader(frame), Buffer.concat(partial.chunks, partial.bytes));
  }

  /** Forgets the unfinished messages of a context that is lost. */
  forget(source: number): void {
    this._partials.delete(source);
  }

  private _add(partial: Partial, frame: Buffer, payload: Buffer): void {
    if (partial.refused) return;
    partial.bytes += payload.length;
    if (partial.bytes <= this._maxBytes) {
      partial.chunks.push(payload);
      return;
    }
    partial.refused = true;
    partial.chunks = [];
    this._events.onTooLarge(frame);
  }

  private _grant(partial: Partial, source: number, number: number, bytes: number): void {
    partial.ungranted += bytes;
    if (partial.ungranted < GRANT_BYTES) return;
    this._events.onGrant(source, number, partial.ungranted);
    partial.ungranted = 0;
  }
}

/** Owns the header: a copy would cost more than all the rest. */
function withPayload(header: Header, payload: Buffer): Message {
  const message = header as Message;
  message.payload = payload;
  return message;
}
