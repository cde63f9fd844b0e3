/**
 * Pushed: part of the core, in every context.
 *
 * What a stream runs over: bytes in both directions. `socketTransport` is the usual one; the work
 * thread's port and the in-memory pair of the tests are others.
 */

import type { Readable, Writable } from 'node:stream';

/** What a transport tells its stream. */
export interface TransportEvents {
  /** Bytes came in. The stream owns `chunk` from now on. */
  onBytes(chunk: Buffer): void;
  /** Nothing more will come in, and nothing can be written. Called once. */
  onClose(reason: string): void;
}

export interface Transport {
  /** Starts delivery. Called once. */
  open(events: TransportEvents): void;
  /**
   * Order: as called. Owns `bytes` until it calls `written`: their memory is used again after that.
   */
  write(bytes: Buffer, written: () => void): void;
  /** Stops and restarts the reading of the source: backpressure. */
  pause(): void;
  resume(): void;
  /** Ends the connection: in order where `flush`, at once where not. Idempotent. */
  close(flush: boolean): void;
}

/** A transport over Node streams, which may be one duplex. Owns both. */
export function socketTransport(input: Readable, output: Writable): Transport {
  let closed = false;
  return {
    open(events) {
      const close = (reason: string) => {
        if (closed) return;
        closed = true;
        events.onClose(reason);
      };
      input.on('data', events.onBytes);
      input.on('end', () => close('the other side closed the connection'));
      for (const end of [input, output]) {
        end.on('error', (error: Error) => close(error.message));
        end.on('close', () => close('the connection was closed'));
      }
    },
    write(bytes, written) {
      // After the end, or an error, Node calls back with an error: the memory is free either way.
      output.write(bytes, written);
    },
    pause: () => void input.pause(),
    resume: () => void input.resume(),
    close(flush) {
      if (flush) output.end();
      else {
        output.destroy();
        input.destroy();
      }
    },
  };
}
