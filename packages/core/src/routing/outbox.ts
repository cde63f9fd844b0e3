/**
 * Pushed: part of the core, in every context.
 *
 * Large messages on their way out: sent frame by frame, in turns, each as its receiver grants credit
 * and as the stream has room, so that other messages pass between their frames. Messages to one
 * handle of one context form a lane, and leave in order.
 */

import { FLAG_FIRST, FLAG_MORE } from '../wire/flags.js';
import type { Header } from '../wire/frame.js';
import { encodeFrame, HEADER_BYTES, setPart } from '../wire/frame.js';
import { FREE_WINDOW_BYTES, MAX_FRAME_PAYLOAD, MAX_UNDER_WAY } from '../wire/limits.js';
import { reuse } from '../wire/serialize.js';

interface Transfer {
  header: Header;
  /** The payload, from HEADER_BYTES on. */
  body: Buffer;
  /** Position in `body` of the first byte not sent. */
  at: number;
  /** Bytes that may still be sent. */
  credit: number;
}

export interface OutboxEvents {
  /** Whether a frame for `destination` would have to wait now. */
  isFull(destination: number): boolean | undefined;
  onFrame(frame: Buffer): void;
}

const laneOf = (header: Header): string => `${header.destination}:${header.handle}`;

export class Outbox {
  /** What waits, by lane; a lane that is empty is removed. */
  private _lanes: Map<string, Transfer[]> = new Map();
  /** How many messages to a context have begun to leave, and have not left. */
  private _underWay: Map<number, number> = new Map();
  /** Whether `pump` is at work: a frame may be delivered here, and its credit come back, at once. */
  private _pumping = false;

  constructor(private _events: OutboxEvents) {}

  /** Whether a message must go through here to keep its place behind an earlier one. */
  holds(header: Header): boolean {
    return this._lanes.size > 0 && this._lanes.has(laneOf(header));
  }

  /** Takes over a message and sends what can be sent of it now. Owns `body`, and a large one's memory. */
  add(header: Header, body: Buffer): void {
    const lane = this._lanes.get(laneOf(header));
    const transfer = { header, body, at: HEADER_BYTES, credit: FREE_WINDOW_BYTES };
    if (lane) lane.push(transfer);
    else this._lanes.set(laneOf(header), [transfer]);
    this.pump();
  }

  /** `destination` allows `bytes` more of message `number`. With 0 bytes, the rest of it is dropped. */
  grant(destination: number, number: number, bytes: number): void {
    this._lanes.forEach(([first]) => {
      const transfer = first as Transfer;
      const { header, body, at } = transfer;
      if (header.number !== number || header.destination !== destination) return;
      transfer.credit += bytes;
      // Behind its end; what has left all the same is no longer under way.
      if (bytes || at >= body.length) return;
      transfer.at = Infinity;
      this._underWay.set(destination, (this._underWay.get(destination) as number) - 1);
    });
    this.pump();
  }

  /** Drops what was on its way to a context that is lost. */
  forget(destination: number): void {
    this._underWay.delete(destination);
    this._lanes.forEach((lane, key) => {
      if ((lane[0] as Transfer).header.destination === destination) this._lanes.delete(key);
    });
  }

  /** Sends a frame of each lane in turn, until no lane has both credit and room. */
  pump(): void {
    if (this._pumping) return;
    this._pumping = true;
    for (let sent = true; sent; ) {
      sent = false;
      this._lanes.forEach((lane, key) => {
        const [first] = lane as [Transfer];
        if (!this._sendNext(first)) return;
        sent = true;
        // What is delivered here may have changed the lanes.
        if (this._lanes.get(key) !== lane) return;
        if (first.at >= first.body.length) {
          lane.shift();
          if (first.header.number) reuse(first.body);
        }
        // To the end, so that its next turn comes last also where the stream is full before.
        this._lanes.delete(key);
        if (lane.length > 0) this._lanes.set(key, lane);
      });
    }
    this._pumping = false;
  }

  private _sendNext(transfer: Transfer): boolean {
    const { header, body, at } = transfer;
    if (at > body.length) return true;
    const { destination } = header;
    const part = (at - HEADER_BYTES) / MAX_FRAME_PAYLOAD;
    let underWay = this._underWay.get(destination) || 0;
    if (!part && underWay++ >= MAX_UNDER_WAY) return false;
    if (transfer.credit <= 0 || this._events.isFull(destination)) return false;
    const end = Math.min(at + MAX_FRAME_PAYLOAD, body.length);
    const more = end < body.length ? FLAG_MORE : 0;
    const isFirst = header.number && !part;
    this._underWay.set(destination, more ? underWay : underWay - 1);
    transfer.at = end;
    transfer.credit -= end - at;
    const flags = header.flags | more | (isFirst ? FLAG_FIRST : 0);
    const frame = encodeFrame({ ...header, flags }, body.slice(at, end));
    const parts = Math.ceil((body.length - HEADER_BYTES) / MAX_FRAME_PAYLOAD);
    if (header.number) setPart(frame, isFirst ? parts : part);
    this._events.onFrame(frame);
    return true;
  }
}
