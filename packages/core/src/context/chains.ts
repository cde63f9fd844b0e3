/**
 * Pushed: part of the `context` bundle.
 *
 * Lets the calls of a chain run one after another, and none after one that failed. docs/protocol.md,
 * section "Chains".
 */

import { END, NEXT } from '../calls/chain-run.js';
import { KinetinError } from '../errors.js';
import type { Message } from '../routing/message.js';
import type { CallPayload, ChainPlace } from '../runtime/call-payload.js';
import type { Workplace } from '../thread/workplace.js';
import { CALL } from '../wire/handles.js';

/** Chains without a call under way that are remembered; those that were used last stay. */
const MAX_IDLE_CHAINS = 1000;

/** What a call failed with. */
interface Failure {
  readonly error: unknown;
}

/** A call of a chain, until it is over. */
class Turn {
  /** Resolves when the turn has come: with the failure that lets the call not run. */
  readonly begin: Promise<Failure | undefined>;
  /** Resolves when this call and those before it are over: with the first failure among them. */
  readonly over: Promise<Failure | undefined>;

  private _givenUp: Failure | undefined;
  private _stop!: (failure: Failure) => void;
  private _end!: (failure: Failure | undefined) => void;

  constructor(before: Promise<Failure | undefined>) {
    const stopped = new Promise<Failure>((resolve) => {
      this._stop = resolve;
    });
    const ended = new Promise<Failure | undefined>((resolve) => {
      this._end = resolve;
    });
    this.begin = Promise.race([before, stopped]);
    this.over = before.then((failure) => ended.then((own) => failure || own));
  }

  /** Has failed for its caller, whatever becomes of it. Does not run where its turn has not come. */
  giveUp(failure: Failure): void {
    this._givenUp = failure;
    this._stop(failure);
  }

  end(failure: Failure | undefined): void {
    this._end(this._givenUp || failure);
  }
}

interface Chain {
  /** The last call that has come. */
  last: Turn | undefined;
  /** Calls that are not over. */
  underWay: number;
}

/** The chains of all callers, by caller and chain. */
class Chains {
  private _busy: Map<string, Chain> = new Map();
  /** The one that was used last is the last. */
  private _idle: Map<string, Chain> = new Map();

  /** A call has come. Returns its turn, and what ends that. */
  enter(source: number, [id, place]: ChainPlace): [Turn, (failure: Failure | undefined) => void] {
    const key = `${source}:${id}`;
    const known = this._busy.get(key) || this._idle.get(key);
    if (!known && place === NEXT) {
      throw new KinetinError(
        'KinetinError',
        'ERR_CHAIN_LOST',
        'cannot run the call: what became of those before it in the chain is not known here any ' +
          'more; reset the chain',
      );
    }
    const chain = known || { last: undefined, underWay: 0 };
    this._idle.delete(key);
    this._busy.set(key, chain);
    chain.underWay++;
    const before = chain.last ? chain.last.over : Promise.resolve(undefined);
    const turn = new Turn(place === NEXT ? before : before.then(() => undefined));
    chain.last = turn;
    return [
      turn,
      (failure) => {
        turn.end(failure);
        if (--chain.underWay > 0 || !this._busy.delete(key) || place === END) return;
        this._idle.set(key, chain);
        const [oldest] = this._idle.keys();
        if (this._idle.size > MAX_IDLE_CHAINS) this._idle.delete(oldest as string);
      },
    ];
  }

  /** A caller is lost. */
  forget(source: number): void {
    for (const chains of [this._busy, this._idle]) {
      for (const key of [...chains.keys()]) if (key.startsWith(`${source}:`)) chains.delete(key);
    }
  }
}

/** From now on, calls of chains wait for their turns. */
export function installChains({ router, dispatcher }: Workplace): void {
  const chains = new Chains();
  /** Calls that are not over. */
  const turns: Map<Message, ReturnType<Chains['enter']>> = new Map();
  const { decode, onDone, abort } = dispatcher;
  const run = dispatcher.run.bind(dispatcher);
  dispatcher.decode = (message) => {
    let call: CallPayload;
    try {
      call = decode(message);
    } catch (error) {
      // It may have been one of a chain, and those behind it must not run.
      if (message.handle === CALL) chains.forget(message.source);
      throw error;
    }
    const [, , , place] = call;
    if (place && message.handle === CALL) turns.set(message, chains.enter(message.source, place));
    return call;
  };
  dispatcher.run = (call, exports, message) => {
    const [turn] = turns.get(message) || [];
    if (!turn) return run(call, exports, message);
    return turn.begin.then((failure) => {
      if (!failure) return run(call, exports, message);
      // The call that failed is in the log; those that it stops need not be.
      if (message.replyHandle) throw failure.error;
      return undefined;
    });
  };
  dispatcher.onDone = (message, error) => {
    const [, end] = turns.get(message) || [];
    turns.delete(message);
    if (end) end(error && { error });
    onDone(message, error);
  };
  dispatcher.abort = (source, replyHandle, reason, graceMs) => {
    abort(source, replyHandle, reason, graceMs);
    if (graceMs === undefined) return;
    for (const [message, [turn]] of turns) {
      if (message.source === source && message.replyHandle === replyHandle) {
        turn.giveUp({ error: reason });
      }
    }
  };
  const { onContextLost } = router;
  router.onContextLost = (id, reason) => {
    onContextLost(id, reason);
    chains.forget(id);
  };
}
