/**
 * A context as the program sees it: somewhere that functions can be called.
 */

import {
  type CallHost,
  Calls,
  Context as CoreContext,
  type Endpoint,
  handles,
  PendingCall,
  type WaitOptions,
  wait,
} from '@kinetin/core';
import type { Connected } from '@kinetin/core/parent';

/** @internal */
export interface ContextDescription {
  readonly id: number;
  readonly name: string;
  readonly method: string;
  readonly via: Context | undefined;
  /** Settles with the connection. */
  readonly connected: Promise<Connected>;
}

/**
 * A process in the tree. Its functions run in the order in which they were called; asynchronous ones
 * overlap, as they would locally.
 */
export class Context extends CoreContext implements AsyncDisposable {
  /** How it was started: `local`, `ssh`. */
  readonly method: string;
  /** The context that started it; undefined where that is the master. */
  readonly via: Context | undefined;
  /** Process id, once it is connected. */
  pid: number | undefined;
  /** As in `v22.11.0`, once it is connected. */
  nodeVersion: string | undefined;

  /** @internal Settles with the connection. */
  readonly connected: Promise<Connected>;

  readonly #host: CallHost;
  /** Resolves when it is gone. */
  readonly #lost: Promise<void>;
  #onLost: () => void = () => {};

  /** @internal */
  constructor(host: CallHost, description: ContextDescription) {
    super(host, description);
    this.#host = host;
    this.method = description.method;
    this.via = description.via;
    this.connected = description.connected;
    this.#lost = new Promise((resolve) => {
      this.#onLost = resolve;
    });
    this.connected.then(
      ({ pid, nodeVersion }) => {
        this.pid = pid;
        this.nodeVersion = nodeVersion;
      },
      () => this.#onLost(),
    );
  }

  /**
   * Asks the context whether it is there. Resolves with the round trip in milliseconds, with
   * fractions. A context that is being started is asked once it is connected. Its main thread
   * answers: a function that blocks does not delay the answer, but with `workThread: 'none'`.
   *
   * @throws {@link ConnectError} where it could not be started; {@link DeadLetterError} where it is
   * gone; {@link TimeoutError} and the signal's reason.
   */
  ping(options: WaitOptions = {}): Promise<number> {
    const pending = new PendingCall();
    return wait<number>(
      options,
      `the ping of ${this.name}`,
      (resolve, reject) => void this.#roundTrip(pending).then(resolve, reject),
      (reason) => pending.giveUp(reason),
    );
  }

  /**
   * Ends the context and all below it, in order. Resolves when it is gone. Idempotent.
   *
   * @throws {@link TimeoutError} and the signal's reason; the context goes on ending.
   */
  shutdown(options: WaitOptions = {}): Promise<void> {
    const what = `the shutdown of ${this.name}`;
    return wait<void>(
      options,
      what,
      (resolve) => {
        // Not before it is connected: what is sent before may fail with the connection.
        this.connected.then(
          () => this.#host.core.post(this.id, handles.SHUTDOWN, undefined),
          // It was never there: that is its end, too.
          () => {},
        );
        this.#lost.then(resolve);
      },
      () => {},
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** @internal It is gone. */
  markLost(): void {
    this.#onLost();
  }

  async #roundTrip(pending: PendingCall): Promise<number> {
    const { core } = this.#host;
    await this.connected;
    pending.throwIfGivenUp();
    const start = performance.now();
    await core.request(this.id, handles.PING, core.encode(0), (replyHandle) =>
      pending.onSent(() => core.unlisten(replyHandle)),
    );
    return performance.now() - start;
  }
}

/**
 * A context that is being started: a promise of it that can be called, and be the `via` of others,
 * at once. What is called before it is connected leaves with the bootstrap, in the same flight.
 */
export class PendingContext
  extends Calls<Context>
  implements PromiseLike<Context>, AsyncDisposable, Endpoint
{
  /** @internal */
  readonly caller: CoreContext['caller'];

  readonly #context: Context;
  readonly #ready: Promise<Context>;

  /** @internal */
  constructor(context: Context, ready: Promise<Context>) {
    super();
    this.caller = context.caller;
    this.#context = context;
    this.#ready = ready;
    // Those who only call get the reason with their calls.
    ready.catch(() => {});
  }

  get endpoint(): 'context' {
    return 'context';
  }

  /** The context itself, which may not be connected yet. */
  get context(): Context {
    return this.#context;
  }

  /** @internal */
  get origin(): Context {
    return this.#context;
  }

  /** See {@link Context.ping}. */
  ping(options?: WaitOptions): Promise<number> {
    return this.#context.ping(options);
  }

  /** See {@link Context.shutdown}. */
  shutdown(options?: WaitOptions): Promise<void> {
    return this.#context.shutdown(options);
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  then<Fulfilled = Context, Rejected = never>(
    onFulfilled?: ((context: Context) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.#ready.then(onFulfilled, onRejected);
  }

  catch<Rejected>(
    onRejected: (reason: unknown) => Rejected | PromiseLike<Rejected>,
  ): Promise<Context | Rejected> {
    return this.#ready.catch(onRejected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}
