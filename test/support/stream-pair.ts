/**
 * Connections in memory: two transports, each of which receives what the other one is given, in turns
 * of the event loop and never at once. Delivery can be held, cut and resumed, so that a test decides
 * what has arrived. `TestTree` puts routers together with them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Router } from '../../packages/core/src/routing/router.js';
import { announceRoute, listenForRoutes } from '../../packages/core/src/routing/routes.js';
import type { Stream } from '../../packages/core/src/routing/stream.js';
import type { Transport, TransportEvents } from '../../packages/core/src/routing/transport.js';

/** Deliveries that are to come in one of the next turns. */
let scheduled = 0;

/** Resolves when nothing moves any more in any pair: all is delivered, or held, or paused. */
export async function settle(): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet++) {
    await nextTurn();
    if (scheduled > 0) quiet = -1;
  }
}

/** One side of a pair. */
export class TestEnd implements Transport {
  /** While true, what is written here stays here, but for `deliver`. */
  isHeld = false;
  /** Whether the owner has stopped reading; and how often it did. */
  isPaused = false;
  pauseCount = 0;
  /** How it was closed from this side; undefined while it is open. */
  closedWith: 'flush' | 'at once' | undefined;
  /** Cuts what is written into what arrives. */
  cut: (bytes: Buffer) => Buffer[] = (bytes) => [bytes];
  other!: TestEnd;

  #events: TransportEvents | undefined;
  #waiting: { bytes: Buffer; written: () => void }[] = [];
  #isScheduled = false;

  /** Bytes that were written here and have not arrived. */
  get waitingBytes(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  open(events: TransportEvents): void {
    if (this.#events) throw new Error('the transport was opened twice');
    this.#events = events;
    this.other.schedule();
  }

  write(bytes: Buffer, written: () => void): void {
    if (this.closedWith) throw new Error('written after close');
    this.#waiting.push({ bytes, written });
    this.schedule();
  }

  pause(): void {
    this.isPaused = true;
    this.pauseCount++;
  }

  resume(): void {
    this.isPaused = false;
    this.other.schedule();
  }

  close(flush: boolean): void {
    if (this.closedWith) return;
    this.closedWith = flush ? 'flush' : 'at once';
    if (!flush) this.#waiting = [];
    this.schedule();
  }

  /** The connection breaks: both sides learn it, and what was under way is lost. */
  cutOff(reason: string): void {
    for (const end of [this, this.other]) {
      end.#waiting = [];
      end.#events?.onClose(reason);
    }
  }

  /** Ends the hold. */
  release(): void {
    this.isHeld = false;
    this.schedule();
  }

  /** Hands over up to `count` of the writes that wait, while the other side reads. */
  deliver(count = Number.POSITIVE_INFINITY): void {
    const { other } = this;
    for (let left = count; left > 0 && other.#events && !other.isPaused; left--) {
      const next = this.#waiting.shift();
      if (!next) break;
      // Memory of its own: neither side may see what the other one does to it later.
      const bytes = Buffer.from(next.bytes);
      next.written();
      for (const piece of this.cut(bytes)) other.#events.onBytes(piece);
    }
    if (this.closedWith && this.#waiting.length === 0 && other.#events && !other.isPaused) {
      other.#events.onClose('the other side closed the connection');
    }
  }

  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    scheduled++;
    setImmediate(() => {
      scheduled--;
      this.#isScheduled = false;
      if (!this.isHeld) this.deliver();
    });
  }
}

export function makePair(): [TestEnd, TestEnd] {
  const [one, two] = [new TestEnd(), new TestEnd()];
  one.other = two;
  two.other = one;
  return [one, two];
}

/** A router of a tree, and its connection to its parent. */
export interface TestContext {
  readonly router: Router;
  /** What the router complained of. */
  readonly complaints: string[];
  /** Ids that it was told are lost, with the reason. */
  readonly lost: [id: number, reason: string][];
  /** The parent's side and the own side of the connection; absent in the master. */
  readonly down?: TestEnd;
  readonly up?: TestEnd;
}

/** Routers that are connected as the real ones are; the master is context 0. */
export class TestTree {
  readonly contexts = new Map<number, TestContext>();

  constructor(
    private readonly options: {
      maxMessageBytes?: number;
      maxWindowBytes?: number | undefined;
    } = {},
  ) {
    this.contexts.set(0, this.#makeContext(0, []));
  }

  /** A tree with these contexts, each with its parent: parents come first. */
  static async grow(
    ...contexts: readonly (readonly [id: number, parent: number])[]
  ): Promise<TestTree> {
    const tree = new TestTree();
    for (const [id, parent] of contexts) await tree.add(id, parent);
    return tree;
  }

  /** For `master > a > b`, calls `add(1, 0)`, then `add(2, 1)`. Waits until the routes are known. */
  async add(id: number, parent: number): Promise<TestContext> {
    const above = this.get(parent);
    const { parentIds } = above.router;
    const context = this.#makeContext(id, [parent, ...parentIds], makePair());
    const master = this.get(0).router;
    if (parent !== 0) {
      const hops = [...parentIds].reverse().slice(1).concat(parent);
      announceRoute(master, hops, id, parent);
      master.addRoute(id, master.routes.get(parent) as Stream);
      await settle();
    }
    const expected = above.router.routes.get(id);
    const below = expected?.peer === id ? expected : above.router.addStream('child', id);
    below.attach(context.down as TestEnd);
    below.open();
    const upstream = context.router.addStream('parent', parent);
    upstream.attach(context.up as TestEnd);
    upstream.open();
    this.contexts.set(id, context);
    await settle();
    return context;
  }

  get(id: number): TestContext {
    const context = this.contexts.get(id);
    if (!context) throw new Error(`there is no context ${id}`);
    return context;
  }

  /** The router of a context. */
  router(id: number): Router {
    return this.get(id).router;
  }

  #makeContext(id: number, parentIds: number[], [down, up]: TestEnd[] = []): TestContext {
    const complaints: string[] = [];
    const lost: [number, string][] = [];
    const router = new Router({
      id,
      parentIds,
      onComplaint: (text) => complaints.push(text),
      ...this.options,
    });
    router.onContextLost = (lostId, reason) => lost.push([lostId, reason]);
    listenForRoutes(router);
    return { router, complaints, lost, ...(down && up ? { down, up } : {}) };
  }
}
