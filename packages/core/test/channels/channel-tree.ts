/** Contexts in memory that have receivers and channels. */

import { settle, type TestContext, TestTree } from '../../../../test/support/stream-pair.js';
import { Channels } from '../../src/channels/channels.js';
import type { Router } from '../../src/routing/router.js';
import { Endpoints } from '../../src/wire/endpoints.js';

/** A context: what it has, and how values get there. */
export interface ChannelContext extends TestContext {
  readonly channels: Channels<number>;
  /** Frames that it leaves, by their keys: as for a thread. */
  readonly left: Map<number, Uint8Array>;
}

export class ChannelTree {
  readonly #contexts = new Map<number, ChannelContext>();

  private constructor(readonly tree: TestTree) {}

  /** A tree with these contexts, each with its parent; the master, 0, is there. */
  static async grow(...contexts: readonly (readonly [number, number])[]): Promise<ChannelTree> {
    const tree = new ChannelTree(await TestTree.grow(...contexts));
    for (const id of [0, ...contexts.map(([id]) => id)]) tree.#furnish(id);
    return tree;
  }

  get(id: number): ChannelContext {
    return this.#contexts.get(id) as ChannelContext;
  }

  /** The same by way of the master, so that neither has ever sent to the other. */
  async passOn<Value>(value: Value, from: number, to: number): Promise<Value> {
    return await this.pass(from === 0 ? value : await this.pass(value, from, 0), 0, to);
  }

  /** Sends `value` from one context to the other and returns it as it arrives. */
  async pass<Value>(value: Value, from: number, to: number): Promise<Value> {
    const target = this.get(to).router;
    const arrived = new Promise((resolve, reject) => {
      const handle = target.listen({
        onMessage: (message) => {
          target.unlisten(handle);
          try {
            resolve(target.decode(message));
          } catch (error) {
            reject(error);
          }
        },
      });
      this.get(from).router.post(to, handle, value);
    });
    const back = await arrived;
    await settle();
    return back as Value;
  }

  #furnish(id: number): void {
    const context = this.tree.get(id);
    const { router } = context;
    const endpoints = new Endpoints();
    const left = new Map<number, Uint8Array>();
    router.codec = endpoints;
    const channels = new Channels({
      core: router,
      endpoints,
      contextOf: (from) => from,
      leave: (key, frame) => void (frame ? left.set(key, frame) : left.delete(key)),
    });
    this.#contexts.set(id, { ...context, channels, left });
  }
}

/** How many handles are listened on. */
export function handlesOf(router: Router): number {
  return router.listening.size;
}

/** Whether a promise has settled. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await settle();
  return settled;
}

/** What is read, and what ends it where that is an error. */
export async function collect<Value>(receiver: AsyncIterable<Value>): Promise<[Value[], unknown]> {
  const got: Value[] = [];
  try {
    for await (const value of receiver) got.push(value);
    return [got, undefined];
  } catch (error) {
    return [got, error];
  }
}
