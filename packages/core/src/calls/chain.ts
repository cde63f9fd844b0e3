/**
 * Calls that build on each other.
 */

import { KinetinError } from '../errors.js';
import type { Caller } from './caller.js';
import { Calls } from './calls.js';
import { ChainRun, END } from './chain-run.js';
import type { CallOptions } from './pending-call.js';
import { newChainId } from './strands.js';

/**
 * Calls of one context that run one after another, each when the one before it is over, asynchronous
 * functions too. They leave at once, without a wait for answers. The first that fails, in whatever
 * way, is the last that runs: all later ones fail with the same error, also those that have left.
 *
 * A call without reply that fails is a record in the log, and stops the chain likewise; those that it
 * stops are not recorded. Calls of services are not part of the chain.
 *
 * Chains know nothing of each other, whoever made them. Where the context has lost what it knew of
 * the chain, since its work thread has ended or it had too many, calls that build on others which
 * were not answered fail with ERR_CHAIN_LOST.
 *
 * @example
 * ```ts
 * await using chain = new CallChain(context);
 * chain.callNoReply(process.chdir, '/srv');
 * console.log(await chain.call(process.cwd));
 * ```
 */
export class CallChain<From = unknown> extends Calls<From> implements AsyncDisposable {
  /** For Kinetin's own use. */
  readonly caller: Caller;
  /** For Kinetin's own use. */
  readonly origin: From;
  /** For Kinetin's own use. */
  override readonly options: CallOptions;

  /** Nobody else has it: the other end tells the chains of one context apart by it. */
  private readonly _id = newChainId();
  private readonly _chain = { run: new ChainRun(this._id) };
  private _isUsed = false;
  private _ended: Promise<void> | undefined;

  /** @param context - to call; with its deadline and signal where it is `context.with(...)`. */
  constructor(context: Calls<From>) {
    super();
    this.caller = context.caller;
    this.origin = context.origin;
    this.options = { ...context.options, chain: this._chain };
  }

  /**
   * Forgets the error: calls made from now on run again, after those made before. Those made before
   * are not concerned.
   */
  reset(): void {
    if (this._ended) return;
    this._isUsed = this._isUsed || !this._chain.run.isEmpty;
    this._chain.run = new ChainRun(this._id);
  }

  /**
   * Ends the chain: resolves when all its calls are over. Those that are made after that fail with
   * ERR_CHAIN_ENDED. Rejects never: errors are with the calls.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this._ended = this._ended || this._end();
    return this._ended;
  }

  private async _end(): Promise<void> {
    this.reset();
    const why = 'cannot call: the chain has ended; make another';
    this._chain.run.fail(0, new KinetinError('KinetinError', 'ERR_CHAIN_ENDED', why));
    if (!this._isUsed) return;
    try {
      await this.caller.call(Boolean, [], { chain: { run: new ChainRun(this._id, END) } });
    } catch {
      // The context is gone, and knows nothing of the chain any more.
    }
  }
}
