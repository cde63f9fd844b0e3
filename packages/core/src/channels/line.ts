/**
 * Pushed: part of the `context` bundle.
 *
 * The connection of one sender with its receiver, as either end has it: a handle of its own, at which
 * only the other context is heard, and the loss of that context.
 */

import type { Router } from '../routing/router.js';
import { encodeFrame, HEADER_BYTES } from '../wire/frame.js';
import { LOST, type Said } from './protocol.js';

/** Where the ends of channels are. */
export interface Place {
  readonly core: Router;
  /**
   * Has `frame` sent should this thread end, which its context may survive; without `frame` no more.
   * Undefined where the context ends with its thread.
   */
  readonly leave?: ((handle: number, frame?: Uint8Array) => void) | undefined;
  /**
   * Calls `go` when a stream that was crowded has room again, in turn with others, until it returns false:
   * it has nothing more to send, or has come here again.
   */
  readonly whenDrained?: ((go: () => boolean) => void) | undefined;
}

/** What an end is told. */
export interface LineEvents {
  onSaid(said: Said): void;
  /** The other end is gone, or never was: a DeadLetterError, or a ProtocolError. */
  onLost(error: unknown): void;
}

export class Line {
  /** Where the other end answers. */
  readonly handle: number;

  private _place: Place;
  private _peer: number;
  private _remote: number;

  /** Connects with `remote`, a handle in the context `peer`. Says nothing. */
  constructor(place: Place, peer: number, remote: number, events: LineEvents) {
    this._place = place;
    this._peer = peer;
    this._remote = remote;
    const { core } = place;
    this.handle = core.listen({
      respondent: peer,
      onMessage: (message) => {
        let said: unknown;
        try {
          said = core.decode(message);
        } catch (error) {
          return events.onLost(error);
        }
        if (Array.isArray(said)) events.onSaid(said as Said);
      },
    });
    place.leave?.(this.handle, this._testament());
  }

  /** Sends what is encoded. Owns `body`. Order: as called. */
  send(body: Buffer): void {
    const { core } = this._place;
    const { _peer: destination, _remote: handle, handle: replyHandle } = this;
    core.send({ destination, handle, replyHandle, body });
  }

  say(...said: Said): void {
    this.send(this._place.core.encode(said));
  }

  /** Nothing is heard any more. Idempotent. */
  end(): void {
    this._place.core.unlisten(this.handle);
    this._place.leave?.(this.handle);
  }

  /** What the other end is to hear when this thread is gone. */
  private _testament(): Uint8Array {
    const { core } = this._place;
    const { id } = core;
    const text = `the work thread of context ${id} has ended`;
    const body = core.encode([LOST, 'ERR_THREAD_ENDED', text]);
    return encodeFrame(
      {
        destination: this._peer,
        source: id,
        authority: id,
        handle: this._remote,
        replyHandle: this.handle,
        flags: 0,
        number: 0,
      },
      body.slice(HEADER_BYTES),
    );
  }
}
