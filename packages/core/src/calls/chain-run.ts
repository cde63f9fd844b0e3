/**
 * What callers and callees of a chain agree on, and what the caller knows of it. docs/protocol.md,
 * section "Chains".
 */

import type { ChainPlace } from '../runtime/call-payload.js';

/** Nothing that the caller does not know the end of comes before: what was, is forgotten. */
export const START = 0;
/** Runs if all before it have succeeded. */
export const NEXT = 1;
/** As START; the chain is forgotten after it. */
export const END = 2;

/** The calls of a chain from its start, or a reset, to the next. Calls are numbered from 1. */
export class ChainRun {
  private _made = 0;
  private _sent = 0;
  /** The last call that is known to have succeeded, with all before it. */
  private _succeeded = 0;
  /** The first call that is known to have failed. */
  private _failed = Number.POSITIVE_INFINITY;
  private _error: unknown;

  constructor(
    private _chain: number,
    private _first: typeof START | typeof END = START,
  ) {}

  /** Whether no call of it was made. */
  get isEmpty(): boolean {
    return this._made === 0;
  }

  /** The number of a call that is made now. */
  add(): number {
    return ++this._made;
  }

  /** Throws where a call before this one has failed. */
  check(call: number): void {
    if (this._failed < call) throw this._error;
  }

  /** What a call says of its place, as it leaves. Calls leave in their order. */
  send(call: number): ChainPlace {
    const place = this._sent > this._succeeded ? NEXT : this._first;
    this._sent = call;
    return [this._chain, place];
  }

  succeed(call: number): void {
    this._succeeded = Math.max(this._succeeded, call);
  }

  /** Returns what the call fails with: the error of the first that failed. */
  fail(call: number, error: unknown): unknown {
    if (call < this._failed) {
      this._failed = call;
      this._error = error;
    }
    return this._error;
  }
}
