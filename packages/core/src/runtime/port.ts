/**
 * Pushed: part of the core, in every context.
 *
 * A transport between the main thread and its work thread.
 */

import type { Transport } from '../routing/transport.js';

/** What a Worker and a MessagePort have in common. */
export interface Port {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  on(event: 'message', listener: (bytes: Uint8Array) => void): unknown;
}

/** Memory changes hands. What is a part of something larger is copied first: all would go. */
export function portTransport(port: Port): Transport {
  return {
    open(events) {
      port.on('message', ({ buffer, byteOffset, byteLength }) => {
        // Requests to the main thread come the same way, as plain objects.
        if (buffer) events.onBytes(Buffer.from(buffer, byteOffset, byteLength));
      });
    },
    write(bytes, written) {
      const own = bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
      port.postMessage(own, [own.buffer as ArrayBuffer]);
      written();
    },
    // A port cannot be paused: what comes from the other thread of this process is taken.
    pause() {},
    resume() {},
    close() {},
  };
}
