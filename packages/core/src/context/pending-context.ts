/**
 * A context that is being started.
 */

import { Calls } from '../calls/calls.js';
import type { Endpoint } from '../calls/sendable.js';
import type { WaitOptions } from '../channels/wait.js';
import type { Context } from './context.js';

/**
 * A context that is being started: a promise of it that can be called, and be the `via` of others,
 * at once. What is called before it is connected leaves with the bootstrap, in the same flight.
 */
export class PendingContext
  extends Calls<Context>
  implements PromiseLike<Context>, AsyncDisposable, Endpoint
{
  /** For Kinetin's own use. */
  readonly caller: Context['caller'];
  /** The context itself, which may not be connected yet. */
  readonly context: Context;

  private readonly _ready: Promise<Context>;

  /** For Kinetin's own use. */
  constructor(context: Context, ready: Promise<Context>) {
    super();
    this.caller = context.caller;
    this.context = context;
    this._ready = ready;
    // Those who only call get the reason with their calls.
    ready.catch(() => {});
  }

  get endpoint(): 'context' {
    return 'context';
  }

  /** For Kinetin's own use. */
  get origin(): Context {
    return this.context;
  }

  /** See {@link Context.ping}. */
  ping(options?: WaitOptions): Promise<number> {
    return this.context.ping(options);
  }

  /** See {@link Context.shutdown}. */
  shutdown(options?: WaitOptions): Promise<void> {
    return this.context.shutdown(options);
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  then<Fulfilled = Context, Rejected = never>(
    onFulfilled?: ((context: Context) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this._ready.then(onFulfilled, onRejected);
  }

  catch<Rejected>(
    onRejected: (reason: unknown) => Rejected | PromiseLike<Rejected>,
  ): Promise<Context | Rejected> {
    return this._ready.catch(onRejected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}
