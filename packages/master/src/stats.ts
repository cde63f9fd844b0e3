/**
 * What has left this program, and come to it, in numbers.
 */

import { type Router as CoreRouter, ModuleStore, type Stream } from '@kinetin/core';

/** Since the router was made. What a hop sends on is not counted: the program does not send it. */
export interface RouterStats {
  /** Bytes to and from the contexts that the program has started itself, as they are on the wire. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /**
   * Modules that were sent, and their compressed bytes: bundles of Kinetin, functions and files that
   * were called or imported. A module that goes to two neighbours counts twice, and once however many
   * contexts are behind one.
   */
  readonly sentModules: number;
  readonly sentModuleBytes: number;
}

/** The modules of the master, counted as they leave. */
export class CountedModules extends ModuleStore {
  count = 0;
  bytes = 0;

  readonly #core: CoreRouter;
  readonly #sizes = new Map<string, number>();
  readonly #sent = new WeakMap<Stream, Set<string>>();

  constructor(core: CoreRouter) {
    super(core);
    this.#core = core;
  }

  override add(hash: string, packed: Buffer): void {
    this.#sizes.set(hash, packed.length);
    super.add(hash, packed);
  }

  override push(hash: string, target: number, isAsked = false): void {
    const stream = this.#core.routes.get(target);
    if (stream) {
      const sent = this.#sent.get(stream) ?? new Set();
      this.#sent.set(stream, sent);
      if (!sent.has(hash)) {
        this.count++;
        this.bytes += this.#sizes.get(hash) ?? 0;
      }
      sent.add(hash);
    }
    super.push(hash, target, isAsked);
  }
}

/** Bytes of all streams: those that are open, and those that have ended. */
export class ByteCount {
  sent = 0;
  received = 0;

  readonly #core: CoreRouter;

  constructor(core: CoreRouter) {
    this.#core = core;
  }

  /** To be called when a stream has ended. */
  add({ bytesSent, bytesReceived }: Stream): void {
    this.sent += bytesSent;
    this.received += bytesReceived;
  }

  total(): Pick<RouterStats, 'sentBytes' | 'receivedBytes'> {
    let { sent: sentBytes, received: receivedBytes } = this;
    for (const stream of this.#core.streams) {
      sentBytes += stream.bytesSent;
      receivedBytes += stream.bytesReceived;
    }
    return { sentBytes, receivedBytes };
  }
}
