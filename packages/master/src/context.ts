/**
 * A context as the program sees it: somewhere that functions can be called.
 */

import {
  type Router as CoreRouter,
  DeadLetterError,
  handles,
  type Received,
  Receiver,
  type WaitOptions,
  wait,
} from '@kinetin/core';
import type { Connected } from '@kinetin/core/parent';
import {
  type AnyFunction,
  Caller,
  type CallerHost,
  type CallOptions,
  PendingCall,
} from './calls/caller.js';

/** What a function returns, as it arrives. */
export type Result<Fn extends AnyFunction> = Awaited<ReturnType<Fn>>;

/** What {@link Context.shutdown} needs of its router. @internal */
export interface ContextHost extends CallerHost {
  readonly core: CoreRouter;
}

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
export class Context implements AsyncDisposable {
  /** Unique in the tree, never used again. */
  readonly id: number;
  /** Its place in the tree, as in `bastion.web1`. */
  readonly name: string;
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

  readonly #host: ContextHost;
  readonly #caller: Caller;
  /** Resolves when it is gone. */
  readonly #lost: Promise<void>;
  #onLost: () => void = () => {};

  /** @internal */
  constructor(host: ContextHost, description: ContextDescription) {
    this.#host = host;
    this.id = description.id;
    this.name = description.name;
    this.method = description.method;
    this.via = description.via;
    this.connected = description.connected;
    this.#caller = new Caller(host, this.id, this.name);
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
   * Calls a function there and resolves with its result.
   *
   * `fn` is a built-in (`os.hostname`), an exported or top-level function of any file, a static
   * method, or an inline function that uses nothing of its enclosing functions: what it needs of its
   * file and of other modules travels along.
   *
   * @throws {@link CallError} what the function threw; {@link SliceError}, {@link BundleError},
   * {@link SerializeError} before anything is sent; {@link ConnectError} where the context could not
   * be started; {@link DeadLetterError} where it is lost.
   *
   * @example
   * ```ts
   * import { hostname } from 'node:os';
   * const name = await context.call(hostname);
   * ```
   */
  async call<Fn extends AnyFunction>(fn: Fn, ...args: Parameters<Fn>): Promise<Result<Fn>> {
    // Awaited at each level, so that stacks lead back to the caller.
    return (await this.#call(fn, args)) as Result<Fn>;
  }

  /** Calls a function there and returns at once: the receiver gets one message, the result. */
  callAsync<Fn extends AnyFunction>(
    fn: Fn,
    ...args: Parameters<Fn>
  ): Receiver<Result<Fn>, Context> {
    return this.with({}).callAsync(fn, ...args);
  }

  /**
   * The same calls with a deadline or a signal, which end the call: the function's own signal is
   * aborted, and where it does not stop within `grace`, its work thread is ended, with all that runs
   * there; the next call gets another.
   *
   * @example
   * ```ts
   * import { hostname } from 'node:os';
   * const name = await context.with({ timeout: 1000 }).call(hostname);
   * ```
   */
  with(options: CallWaitOptions): Calls {
    return {
      call: (fn, ...args) => this.#callWithin(options, fn, args) as Promise<never>,
      callAsync: (fn, ...args) => {
        return new Receiver(({ deliver, end }) => {
          this.#callWithin(options, fn, args)
            .then(
              (value) => deliver({ context: this, value: value as never }),
              (error) => deliver(new Failed(this, error)),
            )
            .then(() => end());
          return undefined;
        });
      },
    };
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

  #callWithin(options: CallWaitOptions, fn: AnyFunction, args: unknown[]): Promise<unknown> {
    const pending = new PendingCall();
    const { grace: graceMs = DEFAULT_GRACE_MS } = options;
    return wait(
      options,
      `a call in ${this.name}`,
      (resolve, reject) => {
        this.#call(fn, args, { pending, graceMs }).then(resolve, reject);
      },
      (reason) => pending.giveUp(reason),
    );
  }

  async #call(fn: AnyFunction, args: unknown[], options?: CallOptions): Promise<unknown> {
    try {
      return await this.#caller.call(fn, args, options);
    } catch (error) {
      // Where the context could not be started, that says more than a message not delivered.
      if (error instanceof DeadLetterError) await this.connected;
      throw error;
    }
  }
}

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

/** The calls of a context, under certain options. */
export interface Calls {
  call: Context['call'];
  callAsync: Context['callAsync'];
}

/** A message that reports a failure. */
class Failed implements Received<never, Context> {
  readonly context: Context;
  readonly #error: unknown;

  constructor(context: Context, error: unknown) {
    this.context = context;
    this.#error = error;
  }

  get value(): never {
    throw this.#error;
  }
}

/**
 * A context that is being started: a promise of it that can be called, and be the `via` of others,
 * at once. What is called before it is connected leaves with the bootstrap, in the same flight.
 */
export class PendingContext implements PromiseLike<Context>, AsyncDisposable {
  readonly #context: Context;
  readonly #ready: Promise<Context>;

  /** @internal */
  constructor(context: Context, ready: Promise<Context>) {
    this.#context = context;
    this.#ready = ready;
    // Those who only call get the reason with their calls.
    ready.catch(() => {});
  }

  /** The context itself, which may not be connected yet. */
  get context(): Context {
    return this.#context;
  }

  /** See {@link Context.call}. */
  call<Fn extends AnyFunction>(fn: Fn, ...args: Parameters<Fn>): Promise<Result<Fn>> {
    return this.#context.call(fn, ...args);
  }

  /** See {@link Context.callAsync}. */
  callAsync<Fn extends AnyFunction>(
    fn: Fn,
    ...args: Parameters<Fn>
  ): Receiver<Result<Fn>, Context> {
    return this.#context.callAsync(fn, ...args);
  }

  /** See {@link Context.with}. */
  with(options: CallWaitOptions): Calls {
    return this.#context.with(options);
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
