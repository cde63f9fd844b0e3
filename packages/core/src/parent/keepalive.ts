/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * Notices that a child is not there any more although its connection says nothing: a network that was
 * cut, a host that stands still. The same pings tell the child that its parent is there.
 */

import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';
import { PING } from '../wire/handles.js';

/** Pings a neighbour as long as its stream lives. */
export interface KeepaliveOptions {
  /** Milliseconds between two pings; 0: none is sent, and nobody is given up. */
  intervalMs: number;
  /**
   * Pings in a row without a byte back after which the neighbour counts as lost; also where it sends,
   * and takes nothing of what waits for it.
   */
  countMax: number;
}

export function keepAlive(router: Router, stream: Stream, options: KeepaliveOptions): void {
  const { intervalMs, countMax } = options;
  // What takes nothing stops those above as well: the parent next to it is to give up first.
  const stuckMax = Math.max(countMax - router.parentIds.length, 1);
  let seen = stream.bytesReceived;
  let taken = 0;
  let missed = 0;
  if (!intervalMs) return;
  // One for all pings: what the answers say does not matter, only that bytes come.
  const replyHandle = router.listen({ onMessage() {} });
  const timer = setInterval(() => {
    if (stream.closed !== undefined) {
      clearInterval(timer);
      return router.unlisten(replyHandle);
    }
    const takenNow = stream.bytesSent - stream.waitingBytes;
    const isStuck = stream.isFull && takenNow === taken;
    const isSilent = stream.bytesReceived === seen && !stream.isPaused;
    missed = isStuck || isSilent ? missed + 1 : 0;
    seen = stream.bytesReceived;
    taken = takenNow;
    if (isStuck && missed > stuckMax) stream.close(`it took nothing for ${stuckMax} pings`);
    else if (missed > countMax) stream.close(`it did not answer ${countMax} pings`);
    else
      router.send({ destination: stream.peer, handle: PING, replyHandle, body: router.encode(0) });
  }, intervalMs);
  // The connection keeps the process alive, or nothing does.
  timer.unref();
}
