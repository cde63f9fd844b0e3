/**
 * The ways to call a function, as contexts offer them.
 */

import { Receiver } from '../channels/receiver.js';
import type { Received } from '../channels/source.js';
import { type WaitOptions, wait } from '../channels/wait.js';
import { type Caller, standIn } from './caller.js';
import type { CallTarget } from './host.js';
import { PendingCall } from './pending-call.js';
import type { RemoteModule } from './remote-module.js';
import type { AnyFunction, Arguments, Given, Result } from './sendable.js';

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

/** Calls functions somewhere, under certain options. */
export abstract class Calls<From = unknown> {
  /** For Kinetin's own use. */
  abstract readonly caller: Caller;

  /** For Kinetin's own use. The context that messages come from. */
  abstract readonly origin: From;
  /** For Kinetin's own use. Undefined where there are none: the fast way. */
  readonly options: CallWaitOptions | undefined;

  /**
   * Calls a function there and resolves with its result.
   *
   * `fn` is a built-in (`os.hostname`), an exported or top-level function of any file, a static
   * method, or an inline function that uses nothing of its enclosing functions: what it needs of its
   * file and of other modules travels along. Nothing of a file runs there that runs on its own.
   *
   * Arguments that cannot travel, as far as TypeScript can see it, do not compile: see
   * {@link Sendable}.
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
  async call<Fn extends AnyFunction, const Args extends unknown[]>(
    fn: Fn,
    ...args: Given<Fn, Args>
  ): Promise<Result<Fn, Args>> {
    const { caller, options } = this;
    // Awaited at each level, so that stacks lead back to the caller.
    return (await (options
      ? callWithin(caller, options, fn, args)
      : caller.call(fn, args))) as never;
  }

  /** Calls a function there and returns at once: the receiver gets one message, the result. */
  callAsync<Fn extends AnyFunction, const Args extends unknown[]>(
    fn: Fn,
    ...args: Given<Fn, Args>
  ): Receiver<Result<Fn, Args>, this['origin']> {
    const context: this['origin'] = this.origin;
    const { caller, options = {} } = this;
    return new Receiver(({ deliver, end }) => {
      callWithin(caller, options, fn, args)
        .then(
          (value) => deliver({ context, value: value as never }),
          (error) => deliver(new Failed(context, error)),
        )
        .then(() => end());
      return undefined;
    });
  }

  /**
   * Calls a function there, in the same order as other calls, and wants no answer. Resolves when the
   * call has left: what becomes of it is not known here, and a failure there is a record of the level
   * `error` in the log. An AbortSignal among the arguments is refused.
   *
   * @throws {@link SliceError}, {@link BundleError}, {@link SerializeError} before anything is sent;
   * {@link ConnectError} where the context could not be started; {@link DeadLetterError} where it is
   * known to be lost.
   */
  async callNoReply<Fn extends AnyFunction>(fn: Fn, ...args: Arguments<Fn>): Promise<void> {
    const { caller, options = {} } = this;
    const pending = new PendingCall();
    await wait<void>(
      options,
      `a call in ${caller.name}`,
      (resolve, reject) => {
        caller.callNoReply(fn, args, { pending }).then(resolve, reject);
      },
      (reason) => pending.giveUp(reason),
    );
  }

  /**
   * Loads a whole module there, and resolves with its functions: each calls the one there and resolves
   * with its result. They can also be given to `call` and its like, of any context.
   *
   * Unlike with {@link Calls.call}, the module's top-level code runs there, and so does that of the
   * modules that it imports: once per context, and again where a work thread had to be replaced. So
   * its functions share their variables there from call to call, and share nothing with the module
   * here, or with functions of it that `call` was given.
   *
   * Exports that are no functions, and classes, stay there.
   *
   * @param url - of the module: a `file:` URL, or an absolute path. `./tasks.js` is found where there
   * is only `./tasks.ts`.
   *
   * @throws {@link BundleError} and a TypeError with the code ERR_INVALID_ARG before anything is
   * sent; {@link CallError} what the top-level code threw; then as `call`. Reading a name that is no
   * exported function throws a {@link ModuleError}.
   *
   * @example
   * ```ts
   * const url = new URL('./tasks.js', import.meta.url);
   * const tasks = await context.import<typeof import('./tasks.js')>(url);
   * console.log(await tasks.diskUsage('/'));
   * ```
   */
  async import<Module extends object = Record<string, AnyFunction>>(
    url: URL | string,
  ): Promise<RemoteModule<Module>> {
    const remote = (target: CallTarget): AnyFunction => {
      const fn: AnyFunction = (...args) => this.call(fn, ...args);
      standIn(fn, target);
      return fn;
    };
    const imported = this.caller.host.importModule(url, remote, (fn) => this.call(fn));
    return (await imported) as never;
  }

  /**
   * The same calls with a deadline or a signal, which end the call: the function's own signal is
   * aborted, and where it does not stop within `grace`, its work thread is ended, with all that runs
   * there; the next call gets another. A call without reply only ends so before it has left.
   *
   * @example
   * ```ts
   * import { hostname } from 'node:os';
   * const name = await context.with({ timeout: 1000 }).call(hostname);
   * ```
   */
  with(options: CallWaitOptions): Calls<this['origin']> {
    return new CallsWithin<this['origin']>(this, { ...this.options, ...options });
  }
}

class CallsWithin<From> extends Calls<From> {
  readonly caller: Caller;
  readonly origin: From;
  override readonly options: CallWaitOptions;

  constructor({ caller, origin }: Calls<From>, options: CallWaitOptions) {
    super();
    this.caller = caller;
    this.origin = origin;
    this.options = options;
  }
}

function callWithin(
  caller: Caller,
  options: CallWaitOptions,
  fn: AnyFunction,
  args: unknown[],
): Promise<unknown> {
  const pending = new PendingCall();
  const { grace: graceMs = DEFAULT_GRACE_MS } = options;
  return wait(
    options,
    `a call in ${caller.name}`,
    (resolve, reject) => {
      caller.call(fn, args, { pending, graceMs }).then(resolve, reject);
    },
    (reason) => pending.giveUp(reason),
  );
}

/** A message that reports a failure. */
class Failed<From> implements Received<never, From> {
  readonly context: From;
  private readonly _error: unknown;

  constructor(context: From, error: unknown) {
    this.context = context;
    this._error = error;
  }

  get value(): never {
    throw this._error;
  }
}
