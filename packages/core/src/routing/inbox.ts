/**
 * Pushed: part of the core, in every context.
 *
 * Puts the frames of large messages together again, grants their senders credit as they come, and
 * holds them to it: what one source can have unfinished here is bounded.
 */

import { FLAG_FIRST, FLAG_MORE } from '../wire/flags.js';
import type { Header } from '../wire/frame.js';
import {
  FREE_WINDOW_BYTES,
  MAX_FRAME_PAYLOAD,
  MAX_UNFINISHED,
  MAX_WINDOW_BYTES,
} from '../wire/limits.js';
import type { Message } from './message.js';

/** Why a message is not taken. */
export type Refusal = [code: string, reason: string];

interface Partial {
  /**
   * What has come, and room for more: that of the first frame, until there is another. Undefined once
   * the message is refused: the rest is thrown away.
   */
  memory: Buffer | undefined;
  /** Bytes that the whole takes at most, as its first frame says. */
  size: number;
  /** Frames and bytes that have come. */
  parts: number;
  bytes: number;
  /** Bytes that may come: the free window, and what was granted. */
  granted: number;
}

export interface InboxEvents {
  /** Grants `bytes` more of message `number` to its source. */
  onGrant(source: number, number: number, bytes: number): void;
  /** A message is not taken. Called once for each, with the header of one of its frames. */
  onRefused(message: Header, refusal: Refusal): void;
}

export class Inbox {
  /** Messages of which more frames are to come, by source, then number; the oldest first. */
  private _partials: Map<number, Map<number, Partial>> = new Map();

  constructor(
    private _maxBytes: number,
    private _maxWindow = MAX_WINDOW_BYTES,
    private _events: InboxEvents,
  ) {}

  /**
   * Takes a frame, as a message with the payload of that frame; `part` as in {@link partOf}. Returns
   * the message that it belongs to when that is whole. `refusal` says why nobody wants it.
   */
  take(frame: Message, part: number, refusal?: Refusal): Message | undefined {
    const { source, number, payload } = frame;
    const refuse = (why: Refusal) => this._events.onRefused(frame, why);
    if (number === 0) return refusal ? void refuse(refusal) : frame;
    const ofSource = this._partials.get(source) || new Map<number, Partial>();
    let partial = ofSource.get(number);
    let why = refusal;
    if (frame.flags & FLAG_FIRST) {
      const size = Math.min(part * MAX_FRAME_PAYLOAD, this._maxBytes + MAX_FRAME_PAYLOAD);
      partial = { memory: payload, size, parts: 0, bytes: 0, granted: FREE_WINDOW_BYTES };
      if (ofSource.size < MAX_UNFINISHED) this._partials.set(source, ofSource.set(number, partial));
      else why = lost('too many at once');
    } else if (partial && part !== (partial.parts & 65535)) why = lost('a part is missing');
    if (!partial) return undefined;
    if (partial.bytes >= partial.granted) why = lost('it exceeds its credit');
    const { memory } = partial;
    if (memory && partial.parts) append(partial, memory, payload);
    partial.parts++;
    partial.bytes += payload.length;
    if (partial.bytes > partial.size) why = lost('it is longer than it said');
    if (partial.bytes > this._maxBytes) {
      why = ['ERR_MESSAGE_TOO_LARGE', `maxMessageBytes is ${this._maxBytes}`];
    }
    if (why) {
      if (memory) refuse(why);
      partial.memory = undefined;
    }
    const isWhole = !(frame.flags & FLAG_MORE);
    if (isWhole) ofSource.delete(number);
    if (ofSource.size === 0) this._partials.delete(source);
    this._grant(source, ofSource);
    if (!isWhole || !partial.memory) return undefined;
    frame.payload = partial.memory.slice(0, partial.bytes);
    return frame;
  }

  /** Forgets the unfinished messages of a context that is lost. */
  forget(source: number): void {
    this._partials.delete(source);
  }

  /**
   * Lets the window of each message grow with what has come of it, and grants half of it at a time;
   * who is granted credit may take the memory for the whole. Those behind the oldest, where these take
   * as much memory as one message may, have to wait.
   */
  private _grant(source: number, ofSource: Map<number, Partial>): void {
    let held = 0;
    ofSource.forEach((partial, number) => {
      const { bytes, granted } = partial;
      const window = Math.min(Math.max(bytes, FREE_WINDOW_BYTES), this._maxWindow);
      const more = bytes + window - granted;
      if (more * 2 >= window && held <= this._maxBytes) {
        partial.granted += more;
        this._events.onGrant(source, number, more);
      }
      if (partial.memory) held += roomFor(partial);
    });
  }
}

/** Bytes that may be taken for it: for the whole, or for what may come without credit, and a frame more. */
const roomFor = ({ size, granted }: Partial): number =>
  granted > FREE_WINDOW_BYTES ? size : Math.min(size, FREE_WINDOW_BYTES + MAX_FRAME_PAYLOAD);

function append(partial: Partial, memory: Buffer, payload: Buffer): void {
  const { bytes } = partial;
  let room = memory;
  if (room.length < bytes + payload.length) {
    partial.memory = room = Buffer.allocUnsafe(roomFor(partial));
    memory.copy(room, 0, 0, bytes);
  }
  payload.copy(room, bytes);
}

const lost = (reason: string): Refusal => ['ERR_MESSAGE_LOST', reason];
