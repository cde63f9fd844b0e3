/**
 * Pushed: part of the core, in every context.
 *
 * One hop: a framed connection between two neighbours. Frames written in one tick leave together.
 * A stream may exist before its connection does: what is written meanwhile waits for `attach`.
 */

import { FrameDecoder, giveBack } from '../wire/frame.js';
import { HIGH_WATER_BYTES, MAX_PENDING_BYTES } from '../wire/limits.js';
import type { Transport } from './transport.js';

/** Frames up to this size are joined before they are written: one system call for many. */
const JOIN_BYTES = 8192;

/** Where the other end is: the parent, a child, or this context's own work thread. */
export type Side = 'parent' | 'child' | 'thread';

export interface StreamEvents {
  /** A frame came in. */
  onFrame(frame: Buffer, stream: Stream): void;
  /** The stream was full and has room again. */
  onDrain(stream: Stream): void;
  /** The stream has ended. Called once. */
  onClose(stream: Stream, reason: string): void;
}

export class Stream {
  /** Ids that this neighbour has sent to: it is told when one of them is lost. */
  readonly sentTo: Set<number> = new Set();
  /** Bytes in both directions since the start, for `bytesSent` and traces. */
  bytesSent = 0;
  bytesReceived = 0;
  /** Frames that have not been given to the transport. */
  queue: Buffer[] = [];
  /** Why the stream has ended; undefined while it lives. */
  closed: string | undefined;

  private _events: StreamEvents;
  private _transport: Transport | undefined;
  private _decoder = new FrameDecoder();
  /** Bytes in `queue`, and bytes that the transport still holds. */
  private _queued = 0;
  private _writing = 0;
  private _scheduled = false;
  /** Whether somebody was told that this stream is full, and is owed an `onDrain`. */
  private _owesDrain = false;
  /** Full streams that this one feeds: it is not read while there are any. */
  private _blockers: Set<Stream> = new Set();
  /** Streams that feed this one and wait for its drain. */
  private _waiters: Set<Stream> = new Set();

  constructor(
    readonly side: Side,
    /** The neighbour's context id. */
    readonly peer: number,
    /**
     * The authority that frames from here act with: a child's own id, or what its parent lends it.
     * Where undefined, theirs is believed.
     */
    public authority: number | undefined,
    events: StreamEvents,
  ) {
    this._events = events;
  }

  /** Connects. What waits is written after `preamble`. */
  attach(transport: Transport, preamble?: Buffer): void {
    if (this.closed !== undefined) return transport.close(false);
    this._transport = transport;
    if (preamble) {
      this.queue.unshift(preamble);
      this._queued += preamble.length;
    }
    this._schedule();
  }

  /** Begins to read frames, first from `leftover`: bytes that were read before. */
  open(leftover?: Buffer): void {
    if (leftover) this._receive(leftover);
    if (this.closed !== undefined) return;
    (this._transport as Transport).open({
      onBytes: (chunk) => this._receive(chunk),
      onClose: (reason) => this.close(reason),
    });
  }

  /**
   * Sends a frame. Order: as called. Owns `frame`.
   * Returns false where it was refused, since the stream has ended or too much waits for its start.
   */
  write(frame: Buffer): boolean {
    if (this.closed !== undefined) return false;
    if (!this._transport && this._queued + frame.length > MAX_PENDING_BYTES) return false;
    this.queue.push(frame);
    this._queued += frame.length;
    // Not all at the end of the tick: the other side begins while more is being made here.
    if (this._queued > JOIN_BYTES) this.flush();
    else this._schedule();
    return true;
  }

  /** Whether its sources are to wait for `onDrain`. A stream without transport has a bound instead. */
  get isFull(): boolean {
    return this._transport !== undefined && this.isCrowded;
  }

  /** Whether so much waits, also for the connection, that large messages are to wait for `onDrain`. */
  get isCrowded(): boolean {
    if (this.waitingBytes <= HIGH_WATER_BYTES) return false;
    this._owesDrain = true;
    return true;
  }

  /** Whether it is not read now: nothing can be concluded from its silence. */
  get isPaused(): boolean {
    return this._blockers.size > 0;
  }

  /** Bytes written but not yet handed to the system. */
  get waitingBytes(): number {
    return this._queued + this._writing;
  }

  /** Stops reading this stream until `full` drains. */
  waitFor(full: Stream): void {
    if (this._blockers.size === 0) this._transport?.pause();
    this._blockers.add(full);
    full._waiters.add(this);
  }

  /** Ends the stream. The first reason wins. With `flush`, what was written still leaves. */
  close(reason: string, flush = false): void {
    if (this.closed !== undefined) return;
    if (flush) this.flush();
    this.closed = reason;
    this.queue = [];
    this._queued = 0;
    this._release();
    this._transport?.close(flush);
    this._events.onClose(this, reason);
  }

  private _receive(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    try {
      this._decoder.push(chunk, (frame) => {
        if (this.closed === undefined) this._events.onFrame(frame, this);
      });
    } catch (error) {
      this.close((error as Error).message);
    }
  }

  private _schedule(): void {
    if (this._scheduled || !this._transport) return;
    this._scheduled = true;
    process.nextTick(() => {
      this._scheduled = false;
      this.flush();
    });
  }

  /** Gives what waits to the transport now, and not at the end of the tick. */
  flush(): void {
    const transport = this._transport;
    if (!transport || this.queue.length === 0) return;
    const frames = this.queue;
    this.queue = [];
    this._queued = 0;
    for (let from = 0; from < frames.length; ) {
      let bytes = (frames[from] as Buffer).length;
      let to = from + 1;
      while (to < frames.length && bytes + (frames[to] as Buffer).length <= JOIN_BYTES) {
        bytes += (frames[to++] as Buffer).length;
      }
      const chunk =
        to === from + 1 ? (frames[from] as Buffer) : Buffer.concat(frames.slice(from, to), bytes);
      from = to;
      this._writing += bytes;
      this.bytesSent += bytes;
      transport.write(chunk, () => {
        this._writing -= bytes;
        giveBack(chunk);
        if (this._owesDrain && this.waitingBytes <= HIGH_WATER_BYTES / 2) this._drained();
      });
    }
  }

  private _drained(): void {
    this._owesDrain = false;
    this._release();
    if (this.closed === undefined) this._events.onDrain(this);
  }

  /** Lets the streams that wait for this one go on. */
  private _release(): void {
    const waiters = this._waiters;
    this._waiters = new Set();
    waiters.forEach((waiter) => {
      waiter._blockers.delete(this);
      if (waiter._blockers.size === 0) waiter._transport?.resume();
    });
  }
}
