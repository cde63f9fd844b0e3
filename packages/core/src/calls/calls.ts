/**
 * The ways to call a function, as contexts offer them.
 */

import { checkOptions, invalidArgument, type OptionTypes } from '../arguments.js';
import { Receiver } from '../channels/receiver.js';
import type { Received } from '../channels/source.js';
import type { ServiceClass } from '../services/service.js';
import type { Caller } from './caller.js';
import type { CallTarget } from './host.js';
import type { CallOptions, CallWaitOptions } from './pending-call.js';
import type { RemoteModule } from './remote-module.js';
import type { AnyFunction, Arguments, Given, Result } from './sendable.js';
import { type RemoteService, remoteService } from './services.js';

const CALL_OPTIONS: OptionTypes<CallWaitOptions> = { timeout: '', signal: '', grace: 'number' };

/** Calls functions somewhere, under certain options. */
export abstract class Calls<From = unknown> {
  /** For Kinetin's own use. */
  abstract readonly caller: Caller;

  /** For Kinetin's own use. The context that messages come from. */
  abstract readonly origin: From;
  /** For Kinetin's own use. Undefined where there are none: the fast way. */
  readonly options: CallOptions | undefined;

  /**
   * Calls a function there and resolves with its result.
   *
   * `fn` is a built-in (`os.hostname`), an exported or top-level function of any file, a static
   * method, or an inline function that uses nothing of its enclosing functions: what it needs of its
   * file and of other modules travels along. Nothing of a file runs there that runs on its own.
   *
   * Each function has variables of its own there: two of one file that use `const cache = new Map()`
   * have a map each, which they keep from call to call. Constants are computed there: `process.pid` is
   * the context's. For shared state, see {@link Calls.import} and {@link Calls.service}.
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
  call<Fn extends AnyFunction, const Args extends unknown[]>(
    fn: Fn,
    ...args: Given<Fn, Args>
  ): Promise<Result<Fn, Args>> {
    return this.caller.call(fn, args, this.options) as Promise<never>;
  }

  /** Calls a function there and returns at once: the receiver gets one message, the result. */
  callAsync<Fn extends AnyFunction, const Args extends unknown[]>(
    fn: Fn,
    ...args: Given<Fn, Args>
  ): Receiver<Result<Fn, Args>, this['origin']> {
    const context: this['origin'] = this.origin;
    return new Receiver(({ deliver, end }) => {
      this.caller
        .call(fn, args, this.options)
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
    await this.caller.callNoReply(fn, args, this.options);
  }

  /**
   * Loads a whole module there, and resolves with its functions: each calls the one there and resolves
   * with its result. They can also be given to `call` and its like, of any context.
   *
   * Unlike with {@link Calls.call}, the module's top-level code runs there, and so does that of the
   * modules that it imports: once per work thread of the context, and again where one had to be replaced. So
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
      this.caller.host.known.set(fn, target);
      return fn;
    };
    const imported = this.caller.host.importModule(url, remote, (fn) => this.call(fn));
    return (await imported) as never;
  }

  /**
   * A service of that context: an object with its exposed methods, each of which calls the one there
   * and resolves with its result.
   *
   * Given as a class, the service is started by the first call, where that comes from above and it
   * does not run yet; the class travels with what it needs, as functions do. Given by its name, it must
   * run there: then the caller needs no more than the type of the class.
   *
   * A deadline or signal ({@link Calls.with}) ends the wait, aborts an AbortSignal among the
   * arguments, and leaves out a call that has not begun. It never ends the thread there.
   *
   * The methods throw what {@link Calls.call} throws. What the service says comes as a
   * {@link CallError}: ERR_NO_SERVICE, ERR_NO_METHOD, ERR_REFUSED, ERR_INVALID_ARG,
   * ERR_SERVICE_STOPPED.
   *
   * @example
   * ```ts ignore
   * await context.service(Greeter).greet('you');
   * await context.service<typeof Greeter>('greeter').greet('you');
   * ```
   */
  service<Type extends ServiceClass>(service: Type | Type['serviceName']): RemoteService<Type> {
    return remoteService(this.caller, service, this.options) as never;
  }

  /**
   * The same calls with a deadline or a signal, which end the call: the function's own signal is
   * aborted, and where it does not stop within `grace`, its work thread is ended, with all that runs
   * there; the next call gets another. A call without reply only ends so before it has left.
   * `timeout` counts from the call: connecting, and finding and bundling a function for the first time,
   * are part of it.
   *
   * Of a generator, they count for the call that returns it, and for each step again: a step that is
   * given up ends the generator there.
   *
   * @throws TypeError with the code ERR_INVALID_ARG.
   *
   * @example
   * ```ts
   * import { hostname } from 'node:os';
   * const name = await context.with({ timeout: 1000 }).call(hostname);
   * ```
   */
  with(options: CallWaitOptions): Calls<this['origin']> {
    checkOptions('with', options, CALL_OPTIONS);
    if ((options.grace ?? 0) >= 0)
      return new CallsWithin<this['origin']>(this, { ...this.options, ...options });
    throw invalidArgument(`grace must be a number of ms, 0 or more, not ${options.grace}`);
  }
}

class CallsWithin<From> extends Calls<From> {
  readonly caller: Caller;
  readonly origin: From;
  override readonly options: CallOptions;

  constructor({ caller, origin }: Calls<From>, options: CallOptions) {
    super();
    this.caller = caller;
    this.origin = origin;
    this.options = options;
  }
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
