/**
 * Pushed: part of the core, in every context.
 *
 * Delivers messages to the handles of this context and forwards frames to others, along the tree:
 * a known id through its stream, any other up. Checks at every hop that a frame may come from where
 * it comes. The rules are in docs/protocol.md, sections "Routing" and "Trust".
 *
 * A context with a work thread has two routers under one id. The main thread's knows by the number
 * of a handle which of the two owns it; the thread's has the main thread as its parent side.
 */

import { ProtocolError } from '../errors.js';
import { FLAG_DEAD, FLAG_FIRST } from '../wire/flags.js';
import {
  destinationOf,
  HEADER_BYTES,
  type Header,
  handleOf,
  numberOf,
  partOf,
  payloadOf,
  readHeader,
  setAuthority,
  sourceOf,
  writeHeader,
} from '../wire/frame.js';
import * as H from '../wire/handles.js';
import { MAX_FRAME_PAYLOAD, MAX_MESSAGE_BYTES } from '../wire/limits.js';
import { type EndpointCodec, serialize } from '../wire/serialize.js';
import { Inbox, type Refusal } from './inbox.js';
import { type Message, type Outgoing, replyValue } from './message.js';
import { Outbox } from './outbox.js';
import { type Side, Stream } from './stream.js';

/** A listening point. */
export interface Listener {
  /** Called for each message that the policy lets pass; `from` is undefined for an own message. */
  onMessage(message: Message, from: Stream | undefined): void;
  /** Whether a message may come in; without a policy all may. */
  policy?: ((message: Message, from: Stream | undefined) => boolean) | undefined;
  /** The only context that may send here. When it is lost, `onMessage` gets a dead letter. */
  respondent?: number | undefined;
  /** What an answer is awaited for, and since when (ms since the epoch): for those who ask why. */
  about?: unknown;
  since?: number;
}

/** Says why a frame of `source` may not pass; undefined where it may. */
export type Guard = (
  source: number,
  destination: number,
  from: Stream,
  to: Stream | undefined,
) => Refusal | undefined;

export interface RouterOptions {
  id: number;
  /** Ids of the contexts above, the nearest first: those that may run code here. */
  parentIds: readonly number[];
  maxMessageBytes?: number | undefined;
  /** Of a large message that comes here: what may be under way, from FREE_WINDOW_BYTES on. */
  maxWindowBytes?: number | undefined;
  /** Which thread of its context this router serves; 0 is the main thread. */
  thread?: number;
  codec?: EndpointCodec | undefined;
  /** Something was refused or dropped: for the log. */
  onComplaint?: (text: string) => void;
}

export class Router {
  readonly id: number;
  readonly parentIds: readonly number[];
  readonly maxMessageBytes: number;
  /** The stream towards the master; none in the master itself. */
  upstream: Stream | undefined;
  /** Context id to the stream that leads down to it. */
  readonly routes: Map<number, Stream> = new Map();
  /** Listening points by handle. */
  readonly listening: Map<number, Listener> = new Map();
  /** All streams that live. */
  readonly streams: Set<Stream> = new Set();
  /** Told when a stream that was crowded has room again: before large messages take it, and after that. */
  onDrain: (isBefore?: boolean) => void = () => {};
  /** Told of each stream that has ended, after its routes are gone. */
  onStreamClosed: (stream: Stream, reason: string) => void = () => {};
  /** Told of each context that was lost, wherever it was. */
  onContextLost: (id: number, reason: string) => void = () => {};
  /** Asked of each frame that would pass through here, from one neighbour to another. */
  guard: Guard = () => undefined;
  /** How endpoints travel in values that are sent and received here. */
  codec: EndpointCodec | undefined;
  /**
   * The stream to the work thread that owns a handle or message number, or takes a call; main thread
   * only.
   */
  threadOf: (index: number, frame: Buffer) => Stream | undefined = () => undefined;
  /** Told of each frame that the work thread sends; main thread only. */
  onThreadFrame: (frame: Buffer) => void = () => {};

  private _thread: number;
  private _complain: (text: string) => void;
  private _lastHandle = H.FIRST_ALLOCATED_HANDLE - 1;
  private _lastNumber = 0;
  private _inbox: Inbox;
  private _outbox: Outbox;

  constructor(options: RouterOptions) {
    this.id = options.id;
    this.parentIds = options.parentIds;
    this.maxMessageBytes = options.maxMessageBytes || MAX_MESSAGE_BYTES;
    this._thread = options.thread || 0;
    this.codec = options.codec;
    this._complain = options.onComplaint || (() => {});
    this._inbox = new Inbox(this.maxMessageBytes, options.maxWindowBytes, {
      onGrant: (source, number, bytes) => this._grant(this.id, source, number, bytes),
      onRefused: (message, refusal) => {
        const { source, handle } = message;
        const listener = this.listening.get(handle);
        if (listener) this._complain(`refused a message of ${source}: ${refusal[1]}`);
        this._refuse(message, refusal);
        // An answer that is lost is news for who waits for it.
        if (listener && listener.respondent === source) this._tellDead(listener, message, refusal);
      },
    });
    this._outbox = new Outbox({
      isFull: (destination) => this.isCrowded(destination),
      onFrame: (frame) => this._route(frame, undefined),
    });
  }

  /** The policy of handles that run code: only this context and those above it may use them. */
  readonly isAbove = ({ authority }: Message): boolean =>
    authority === this.id || this.parentIds.includes(authority);

  // --- Streams and routes

  /** Adds a neighbour; `attach` and `open` it to connect. */
  addStream(side: Side, peer: number): Stream {
    const authority = side === 'parent' ? undefined : peer;
    const stream = new Stream(side, peer, authority, {
      onFrame: (frame, from) => this._receive(frame, from),
      onDrain: () => {
        this.onDrain(true);
        this._outbox.pump();
        this.onDrain();
      },
      onClose: (closed, reason) => this._closed(closed, reason),
    });
    this.streams.add(stream);
    if (side === 'parent') this.upstream = stream;
    if (side === 'child') this.routes.set(peer, stream);
    return stream;
  }

  /**
   * Notes that `id` is reached through `stream`. Returns false where that would take a route away
   * from another stream.
   */
  addRoute(id: number, stream: Stream): boolean {
    const known = this.routes.get(id);
    if (id === this.id || this.parentIds.includes(id) || (known && known !== stream)) return false;
    this.routes.set(id, stream);
    return true;
  }

  /** A context is gone: fails what waits for it and tells those who have talked to it. */
  removeRoute(id: number, reason: string, from?: Stream): void {
    this.routes.delete(id);
    this._inbox.forget(id);
    this._outbox.forget(id);
    this.listening.forEach((listener, handle) => {
      if (listener.respondent !== id) return;
      const header = this._header(this.id, handle, 0, 0);
      const refusal: Refusal = ['ERR_CONTEXT_LOST', `context ${id} is lost: ${reason}`];
      this._tellDead(listener, { ...header, source: id }, refusal);
    });
    this.streams.forEach((stream) => {
      const concerned = stream === this.upstream || stream.sentTo.delete(id);
      if (concerned && stream !== from) this.sendTo(stream, H.DEL_ROUTE, [id, reason]);
    });
    this.onContextLost(id, reason);
  }

  // --- Handles

  /** Listens on `handle`, or on a new one. Returns the handle. */
  listen(listener: Listener, handle = this._nextHandle()): number {
    this.listening.set(handle, listener);
    return handle;
  }

  /** Stops listening. Messages under way get a dead letter. */
  unlisten(handle: number): void {
    this.listening.delete(handle);
  }

  // --- Sending

  /** Whether what can wait, of messages to `destination`, is to wait for `onDrain`. */
  isCrowded(destination: number): boolean | undefined {
    if (destination === this.id) return undefined;
    return (this.routes.get(destination) || this.upstream)?.isCrowded;
  }

  /** Encodes a value as the body of a message. Throws a SerializeError, or ERR_MESSAGE_TOO_LARGE. */
  encode(value: unknown, root?: string): Buffer {
    const body = serialize(value, this.codec, HEADER_BYTES, root);
    if (body.length - HEADER_BYTES > this.maxMessageBytes) {
      throw new ProtocolError(
        'ERR_MESSAGE_TOO_LARGE',
        `${root || 'value'} cannot travel: ${body.length - HEADER_BYTES} bytes exceed maxMessageBytes, ` +
          `${this.maxMessageBytes}; send it in parts`,
      );
    }
    return body;
  }

  /** The value of a reply; throws what the reply reports. */
  decode(message: Message): unknown {
    return replyValue(message, this.codec);
  }

  /** Sends a message. Order: per destination and handle, as called. */
  send(message: Outgoing): void {
    const { body } = message;
    const header = this._header(
      message.destination,
      message.handle,
      message.replyHandle || 0,
      message.flags || 0,
    );
    const isLarge = body.length > HEADER_BYTES + MAX_FRAME_PAYLOAD;
    if (isLarge) header.number = this._nextNumber();
    if (isLarge || this._outbox.holds(header)) return this._outbox.add(header, body);
    writeHeader(body, header, body.length - HEADER_BYTES);
    this._route(body, undefined);
  }

  /** Sends a value to a handle of another context, wanting no answer. */
  post(destination: number, handle: number, value: unknown): void {
    this.send({ destination, handle, body: this.encode(value) });
  }

  /** The same to a neighbour, whatever the routes say; in one frame, so only for small values. */
  sendTo(stream: Stream, handle: number, value: unknown): void {
    const body = this.encode(value);
    writeHeader(body, this._header(stream.peer, handle, 0, 0), body.length - HEADER_BYTES);
    stream.write(body);
  }

  /**
   * Sends a message and resolves with the one answer to it. Rejects with a DeadLetterError where
   * there can be none, and with what the answer reports where that is an error. `onSent` learns the
   * handle of the answer: to stop listening for it, and to name the request to others. `about` is for
   * people who ask what is pending; `flags` are those of the message.
   */
  request(
    destination: number,
    handle: number,
    body: Buffer,
    onSent?: (replyHandle: number) => void,
    about?: unknown,
    flags?: number,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const replyHandle = this.listen({
        respondent: destination,
        about,
        since: Date.now(),
        onMessage: (message) => {
          // Answers want none: it is a sender that somebody has made up for this handle.
          if (message.replyHandle) return;
          this.unlisten(replyHandle);
          try {
            resolve(this.decode(message));
          } catch (error) {
            reject(error);
          }
        },
      });
      this.send({ destination, handle, replyHandle, flags, body });
      if (onSent) onSent(replyHandle);
    });
  }

  /** Fails the request behind a message that cannot be served any more. */
  replyDead(message: Pick<Header, 'source' | 'replyHandle'>, code: string, reason: string): void {
    const { source: destination, replyHandle: handle } = message;
    if (handle) {
      this.send({ destination, handle, flags: FLAG_DEAD, body: this.encode([code, reason]) });
    }
  }

  /** Answers a message, if an answer is wanted. */
  reply(message: Header, body: Buffer, flags = 0): void {
    if (!message.replyHandle) return;
    this.send({ destination: message.source, handle: message.replyHandle, flags, body });
  }

  // --- Receiving

  protected _receive(frame: Buffer, from: Stream): void {
    if (from.side !== 'parent') {
      const source = sourceOf(frame);
      const expected =
        from.side === 'thread' ? source === this.id : this.routes.get(source) === from;
      if (!expected) {
        return this._complain(`dropped a frame of ${source} that came from ${from.peer}`);
      }
      setAuthority(frame, from.authority as number);
      if (from.side === 'thread') this.onThreadFrame(frame);
    }
    this._route(frame, from);
  }

  /** Delivers or forwards a frame; `from` is undefined for one that was made here. */
  private _route(frame: Buffer, from: Stream | undefined): void {
    const destination = destinationOf(frame);
    const next = this._streamFor(destination, frame, from);
    if (next === this) return this._deliver(frame, from);
    const stream = next as Stream | undefined;
    if (from) {
      const refusal = this.guard(sourceOf(frame), destination, from, stream);
      if (refusal) return this._turnBack(frame, refusal);
      from.sentTo.add(destination);
    }
    if (!stream || stream === from || !stream.write(frame)) {
      const reason =
        !stream || stream === from
          ? 'it has ended, or never was'
          : stream.closed || 'too much waits for its start';
      return this._turnBack(frame, [
        'ERR_NO_ROUTE',
        `context ${destination} cannot be reached from context ${this.id}: ${reason}`,
      ]);
    }
    if (from && stream.isFull) from.waitFor(stream);
  }

  /** Where a frame goes next: a stream, this router itself, or nowhere. */
  private _streamFor(
    destination: number,
    frame: Buffer,
    from: Stream | undefined,
  ): Stream | this | undefined {
    if (destination !== this.id) return this.routes.get(destination) || this.upstream;
    const handle = handleOf(frame);
    if (this._thread) {
      // What the main thread hands to its work thread is for the thread; the rest is for the main.
      return from || this.owns(handle, frame) ? this : this.upstream;
    }
    const index = handle === H.CREDIT ? numberOf(frame) : handle;
    return this.threadOf(index >>> H.THREAD_SHIFT, frame) || this;
  }

  /** Whether what is made in this thread for its own context is for this thread; threads only. */
  owns(handle: number, frame: Buffer): boolean {
    if (handle === H.CREDIT) return numberOf(frame) >>> H.THREAD_SHIFT === this._thread;
    return handle >= H.FIRST_ALLOCATED_HANDLE
      ? handle >>> H.THREAD_SHIFT === this._thread
      : this.listening.has(handle);
  }

  private _deliver(frame: Buffer, from: Stream | undefined): void {
    const message = readHeader(frame) as Message;
    message.payload = payloadOf(frame);
    const { handle, source, number, payload } = message;
    if (handle === H.CREDIT) {
      if (payload.length === 4) this._outbox.grant(source, number, payload.readUInt32BE(0));
      return;
    }
    const listener = this.listening.get(handle);
    const whole = this._inbox.take(message, partOf(frame), refusalOf(listener, message, from));
    if (!whole || !listener) return;
    try {
      listener.onMessage(whole, from);
    } catch (error) {
      this._complain(`handle ${handle} failed: ${(error as Error).stack}`);
    }
  }

  /** A frame goes no further. Of a large message its sender drops the rest: nobody grants it credit. */
  private _turnBack(frame: Buffer, refusal: Refusal): void {
    const message = readHeader(frame);
    const { source, destination, handle, number, flags } = message;
    this._refuse(message, refusal);
    if (number && handle !== H.CREDIT && flags & FLAG_FIRST) {
      this._grant(destination, source, number, 0);
    }
  }

  /** Grants a sender credit in the name of `from`; none: it is to drop the message. */
  private _grant(from: number, to: number, number: number, bytes: number): void {
    const header = { ...this._header(to, H.CREDIT, 0, 0), source: from, number };
    const frame = Buffer.alloc(HEADER_BYTES + 4);
    writeHeader(frame, header, 4);
    frame.writeUInt32BE(bytes, HEADER_BYTES);
    this._route(frame, undefined);
  }

  /**
   * Answers a message that reaches nobody with a dead letter, unless it is one, or wants no answer.
   * That is sent in the name of the destination, which this context may do for what is behind it.
   */
  private _refuse(message: Header, refusal: Refusal): void {
    const { source, destination, replyHandle, flags } = message;
    if (flags & FLAG_DEAD || !replyHandle) return;
    const body = this.encode(refusal);
    const header = this._header(source, replyHandle, 0, FLAG_DEAD);
    writeHeader(body, { ...header, source: destination }, body.length - HEADER_BYTES);
    this._route(body, undefined);
  }

  /** Tells a listener that the answer it waits for is not to come. */
  private _tellDead(listener: Listener, header: Header, refusal: Refusal): void {
    const payload = this.encode(refusal).slice(HEADER_BYTES);
    listener.onMessage({ ...header, flags: FLAG_DEAD, payload }, undefined);
  }

  private _closed(stream: Stream, reason: string): void {
    this.streams.delete(stream);
    if (stream.side === 'child') {
      this.routes.forEach((through, id) => {
        if (through === stream) this.removeRoute(id, reason);
      });
    }
    this.onStreamClosed(stream, reason);
  }

  private _header(destination: number, handle: number, replyHandle: number, flags: number): Header {
    const { id } = this;
    return { destination, source: id, authority: id, handle, replyHandle, flags, number: 0 };
  }

  private _nextNumber(): number {
    this._lastNumber = (this._lastNumber % ((1 << H.THREAD_SHIFT) - 1)) + 1;
    return this._thread * (1 << H.THREAD_SHIFT) + this._lastNumber;
  }

  private _nextHandle(): number {
    let handle: number;
    do {
      this._lastHandle = (this._lastHandle + 1) % (1 << H.THREAD_SHIFT);
      if (this._lastHandle < H.FIRST_ALLOCATED_HANDLE) this._lastHandle = H.FIRST_ALLOCATED_HANDLE;
      handle = this._thread * (1 << H.THREAD_SHIFT) + this._lastHandle;
    } while (this.listening.has(handle));
    return handle;
  }
}

/** Asked of each frame, so that nothing is kept of a large message that is not wanted. */
function refusalOf(
  listener: Listener | undefined,
  message: Message,
  from: Stream | undefined,
): Refusal | undefined {
  if (!listener) return ['ERR_NO_HANDLE', `nobody listens on handle ${message.handle}`];
  const { respondent, policy } = listener;
  const isStranger = respondent !== undefined && respondent !== message.source;
  if (!isStranger && (!policy || policy(message, from))) return undefined;
  return ['ERR_REFUSED', `handle ${message.handle} refuses the sender`];
}
