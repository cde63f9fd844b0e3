/**
 * One call under way, which its caller may give up.
 */

import { type WaitOptions, wait } from '../channels/wait.js';
import type { ChainPlace } from '../runtime/call-payload.js';
import type { ChainRun } from './chain-run.js';

/** How long a call may go on that was given up. */
const DEFAULT_GRACE_MS = 1000;

/** What a call takes beside its arguments. */
export interface CallWaitOptions extends WaitOptions {
  /**
   * Milliseconds that the function has to end once the call was given up. Without effect where the
   * context has no work thread: there a function that does not stop goes on.
   * @defaultValue 1000
   */
  grace?: number | undefined;
}

/** The same, and what calls of a chain have in common. */
export interface CallOptions extends CallWaitOptions {
  chain?: { run: ChainRun };
}

export class PendingCall {
  /** Milliseconds that the function has to end by itself once the call is given up. */
  readonly graceMs: number;

  private readonly _run: ChainRun | undefined;
  /** Its number in the run. */
  private readonly _number: number;
  private _isGivenUp = false;
  private _reason: unknown;
  private _tell: ((reason: unknown) => void) | undefined;

  constructor({ grace = DEFAULT_GRACE_MS, chain }: CallOptions = {}) {
    this.graceMs = grace;
    this._run = chain?.run;
    this._number = this._run ? this._run.add() : 0;
  }

  /** Throws the reason where it was given up already, or what its chain has failed with. */
  throwIfGivenUp(): void {
    if (this._isGivenUp) throw this._reason;
    this._run?.check(this._number);
  }

  /** Its place in its chain, now that it leaves. */
  send(): ChainPlace | undefined {
    return this._run?.send(this._number);
  }

  /** It has left: `tell` takes it back. */
  onSent(tell: (reason: unknown) => void): void {
    this._tell = tell;
  }

  /** It was answered with a value. */
  succeed(): void {
    this._run?.succeed(this._number);
  }

  /** Returns the error that it fails with: that of an earlier call, where its chain had failed. */
  fail(error: unknown): unknown {
    return this._run ? this._run.fail(this._number, error) : error;
  }

  /** Nobody waits for the answer any more. */
  giveUp(reason: unknown): void {
    this._isGivenUp = true;
    this._reason = reason;
    this.fail(reason);
    this._tell?.(reason);
  }
}

/** Makes a call under its options; `stop` is called where it is given up. */
export function callWithin<Value>(
  options: CallOptions,
  what: string | (() => string),
  start: (pending: PendingCall) => Promise<Value>,
  stop: () => void = () => {},
): Promise<Value> {
  const pending = new PendingCall(options);
  return wait<Value>(
    options,
    what,
    (resolve, reject) => {
      start(pending).then(resolve, (error) => reject(pending.fail(error)));
    },
    (reason) => {
      stop();
      pending.giveUp(reason);
    },
  );
}
