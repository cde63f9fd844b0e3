/**
 * Pushed: part of the `thread` bundle; runs in the main thread.
 *
 * Large messages that a work thread has begun to send and can never finish: their receivers are made
 * to drop what they have of them.
 */

import type { Worker } from 'node:worker_threads';
import type { Router } from '../routing/router.js';
import { portTransport } from '../runtime/port.js';
import { FLAG_DEAD, FLAG_FIRST, FLAG_MORE } from '../wire/flags.js';
import { HEADER_BYTES } from '../wire/frame.js';
import { CREDIT } from '../wire/handles.js';

/** Follows the messages of a thread. To be called when it has ended: ends those that are under way. */
export function followMessages(worker: Worker, router: Router): () => void {
  /** Header of the last frame of each message of which more was to come, by its number. */
  const headers: Map<number, Buffer> = new Map();
  worker.on('message', ({ buffer, byteOffset, byteLength }: Uint8Array) => {
    if (!buffer) return;
    const frames = Buffer.from(buffer, byteOffset, byteLength);
    for (let at = 0; at + HEADER_BYTES <= frames.length; ) {
      const start = at;
      at += HEADER_BYTES + frames.readUInt32BE(start + 4);
      const hasMore = (frames[start + 1] as number) & FLAG_MORE;
      // The way of every answer: nothing is made of a frame that is a message by itself.
      if (!hasMore && headers.size === 0) continue;
      // That bears the number of a message of somebody else.
      if (frames.readUInt32BE(start + 20) === CREDIT) continue;
      const number = frames.readUInt32BE(start + 28);
      if (hasMore) headers.set(number, Buffer.from(frames.slice(start, start + HEADER_BYTES)));
      else headers.delete(number);
    }
  });
  return () => {
    if (headers.size === 0) return;
    headers.forEach((header) => {
      // The same part again is out of order, so that the message is lost.
      if ((header[1] as number) & FLAG_FIRST) header.writeUInt16BE(0, 2);
      header[1] = FLAG_DEAD;
      header.writeUInt32BE(0, 4);
    });
    sayAsThread(router, [...headers.values()]);
    headers.clear();
  };
}

/** Sends frames as a work thread would, which has no stream any more. */
export function sayAsThread(router: Router, frames: Buffer[]): void {
  const stream = router.addStream('thread', router.id);
  stream.attach(portTransport({ on() {}, postMessage() {} }));
  stream.open(Buffer.concat(frames));
  stream.close('the work thread has ended');
}
