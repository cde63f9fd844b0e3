/**
 * Pushed: part of the `runtime` bundle, in contexts that start children.
 *
 * Runtimes for other platforms, as a hop gets them: it asks the master, which knows that it has told
 * this hop to connect, and which then calls the functions here, in order, awaiting each piece. Attempts for one
 * platform at the same time share what comes: one of them asks. Pieces stay in memory until the last of
 * them ends, compressed: about 45 MB.
 */

import type { Router } from '../../routing/router.js';
import { GET_RUNTIME } from '../../wire/handles.js';
import { PIECE_BYTES } from './pieces.js';
import type { GetRuntime, RemoteContents, Runtime, RuntimeFile } from './runtime.js';

/** A file as the master describes it: name, size in bytes, SHA-256. */
export type FileNews = [name: string, size: number, hash: string];

/** An attempt that waits, or uses what has come. */
interface User {
  accept(runtime: Runtime): void;
  refuse(reason: unknown): void;
  onProgress(): void;
}

/** What the master does for one platform. */
interface Delivery {
  readonly platform: string;
  /** In whose name it was asked: the id of a child to be. */
  asker: number;
  users: Map<number, User>;
  files: Map<string, Contents>;
  runtime?: Runtime;
}

const OVER = 'the attempt is over';

/** By platform and architecture. */
const deliveries: Map<string, Delivery> = new Map();

/** Makes a {@link GetRuntime} for the attempt to start context `id`. To be called once. */
export function runtimesFromAbove(router: Router, id: number): GetRuntime {
  return (platform, arch, { onProgress, onEnd }) =>
    new Promise((accept, refuse) => {
      const key = `${platform} ${arch}`;
      const running = deliveries.get(key);
      const delivery: Delivery = running || {
        platform: key,
        asker: id,
        users: new Map(),
        files: new Map(),
      };
      const { users, files } = delivery;
      const ask = (asker: number) => {
        delivery.asker = asker;
        const [master] = router.parentIds.slice(-1) as [number];
        const question = router.encode([asker, platform, arch]);
        router.request(master, GET_RUNTIME, question).catch((error) => {
          users.get(asker)?.refuse(error);
          leave(asker);
        });
      };
      const leave = (user: number) => {
        users.get(user)?.refuse(new Error(OVER));
        if (!users.delete(user)) return;
        const [next] = users.keys();
        if (next !== undefined) {
          if (delivery.asker === user && !isWhole(delivery)) ask(next);
          return;
        }
        deliveries.delete(key);
        for (const contents of files.values()) contents.end(new Error(OVER));
      };
      users.set(id, { accept, refuse, onProgress });
      onEnd(() => leave(id));
      if (delivery.runtime) accept(delivery.runtime);
      if (running || !users.has(id)) return;
      deliveries.set(key, delivery);
      ask(id);
    });
}

// What follows does nothing when nobody waits any more.

/** The master is at it. */
export function runtimeMoves(id: number): void {
  const delivery = deliveryTo(id);
  if (delivery) for (const { onProgress } of delivery.users.values()) onProgress();
}

/** There is none, for a reason; or no more of it. */
export function refuseRuntime(id: number, reason: string): void {
  const delivery = deliveryTo(id);
  if (!delivery) return;
  const users = [...delivery.users.values()];
  // Nobody is to ask again.
  delivery.users.clear();
  deliveries.delete(delivery.platform);
  const error = new Error(reason);
  for (const user of users) user.refuse(error);
  for (const contents of delivery.files.values()) contents.end(error);
}

/** There is one, whose pieces will follow. */
export function offerRuntime(id: number, description: string, news: FileNews[]): void {
  const delivery = deliveryTo(id);
  // Another one has asked before, and has left.
  if (!delivery || delivery.runtime) return;
  const files = news.map(([name, size, hash]): RuntimeFile => {
    const from = new Contents(hash, size);
    delivery.files.set(name, from);
    return { name, size, from };
  });
  const runtime = (delivery.runtime = { description, files });
  for (const { accept } of delivery.users.values()) accept(runtime);
}

/** Of the compressed piece of a file at `at`, the part at `from`. Returns whether more is wanted. */
export function takePiece(
  id: number,
  name: string,
  at: number,
  part: Buffer,
  from: number,
  isLast: boolean,
): boolean {
  const delivery = deliveryTo(id);
  if (!delivery) return false;
  runtimeMoves(id);
  delivery.files.get(name)?.take(at, part, from, isLast);
  return true;
}

const deliveryTo = (id: number): Delivery | undefined =>
  [...deliveries.values()].find(({ asker }) => asker === id);

const isWhole = ({ runtime, files }: Delivery): boolean =>
  runtime !== undefined && [...files.values()].every((contents) => contents.isWhole());

/** A file whose pieces come one by one. */
class Contents implements RemoteContents {
  private _pieces: Map<number, Buffer> = new Map();
  /** Of the piece that comes. */
  private _parts: Buffer[] = [];
  private _waiting: (() => void)[] = [];
  private _ended: unknown;

  constructor(
    readonly hash: string,
    private _size: number,
  ) {}

  isWhole(): boolean {
    return this._pieces.size === Math.ceil(this._size / PIECE_BYTES);
  }

  async piece(at: number): Promise<Buffer> {
    for (;;) {
      const piece = this._pieces.get(at);
      if (piece) return piece;
      if (this._ended) throw this._ended;
      await new Promise<void>((resolve) => this._waiting.push(resolve));
    }
  }

  take(at: number, part: Buffer, from: number, isLast: boolean): void {
    // Another one may have asked before, and left in the middle of a piece.
    if (from === 0) this._parts = [];
    this._parts.push(part);
    if (!isLast) return;
    this._pieces.set(at, Buffer.concat(this._parts));
    this._parts = [];
    this._wake();
  }

  end(reason: Error): void {
    this._ended = reason;
    this._pieces.clear();
    this._parts = [];
    this._wake();
  }

  private _wake(): void {
    for (const wake of this._waiting.splice(0)) wake();
  }
}
