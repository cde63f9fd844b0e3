/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * Ids for contexts that contexts start. Each asks its parent for a block of them, which asks on; the
 * master makes them. So each hop knows behind which neighbour a new context may turn up. No id is
 * used twice: of what is handed out, and comes back with the end of a neighbour, only those serve
 * again that were never announced.
 */

import type { Message } from '../routing/message.js';
import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';
import { ALLOCATE_ID } from '../wire/handles.js';
import { MAX_ID_BLOCKS } from '../wire/limits.js';

/** Consecutive ids: from `next` on they have not been used, and `end` is the first beyond. */
export interface IdBlock {
  next: number;
  end: number;
}

/** A block that a neighbour has. */
interface Grant extends IdBlock {
  /** Contexts that live with an id of it. */
  live: number;
}

/** What a neighbour has got, and how many blocks it waits for. */
interface Account {
  grants: Grant[];
  waiting: number;
}

export class Ids {
  private _accounts: Map<Stream, Account> = new Map();
  /** The block that the id of a context is from. */
  private _grants: Map<number, Grant> = new Map();
  /** What neighbours that are gone have left. */
  private _left: IdBlock[] = [];

  /** `getBlock` makes a block, or asks for one; a neighbour has `_maxBlocks` at a time. */
  constructor(
    private _router: Router,
    private _getBlock: () => Promise<IdBlock>,
    private _maxBlocks = Math.max(1, MAX_ID_BLOCKS >> (2 * _router.parentIds.length)),
  ) {
    _router.listen(
      {
        policy: ({ source }, from) =>
          Boolean(from && from.side === 'child' && source === from.peer),
        onMessage: (message, from) => this._serve(message, from as Stream),
      },
      ALLOCATE_ID,
    );
    const { onContextLost, onStreamClosed } = _router;
    _router.onContextLost = (id, reason) => {
      onContextLost(id, reason);
      const grant = this._grants.get(id);
      if (grant) grant.live--;
      this._grants.delete(id);
    };
    _router.onStreamClosed = (stream, reason) => {
      onStreamClosed(stream, reason);
      const { grants } = this._accounts.get(stream) || { grants: [] };
      for (const { next, end } of grants) if (next < end) this._left.push({ next, end });
      this._accounts.delete(stream);
    };
  }

  /** A block for this context itself, or for a neighbour. */
  async take(): Promise<IdBlock> {
    return this._left.pop() || this._getBlock();
  }

  /** Whether `id` is a new one that the neighbour was given: only once for each id. */
  use(id: number, from: Stream): boolean {
    const account = this._accounts.get(from);
    const grant = account?.grants.find(({ next, end }) => next <= id && id < end);
    if (!grant || !Number.isInteger(id)) return false;
    grant.next = id + 1;
    grant.live++;
    this._grants.set(id, grant);
    return true;
  }

  private _serve(message: Message, from: Stream): void {
    const { _router: router } = this;
    const account = this._accounts.get(from) || { grants: [], waiting: 0 };
    this._accounts.set(from, account);
    account.grants = account.grants.filter(({ next, end, live }) => next < end || live > 0);
    if (account.grants.length + account.waiting >= this._maxBlocks) {
      const reason = `context ${from.peer} and those below it have all ids that they may have at a time`;
      return router.replyDead(message, 'ERR_TOO_MANY_CONTEXTS', reason);
    }
    account.waiting++;
    this.take().then(
      ({ next, end }) => {
        account.waiting--;
        if (from.closed !== undefined) return this._left.push({ next, end });
        account.grants.push({ next, end, live: 0 });
        return router.reply(message, router.encode({ next, end }));
      },
      ({ code, message: reason }) => {
        account.waiting--;
        router.replyDead(message, code, reason);
      },
    );
  }
}
