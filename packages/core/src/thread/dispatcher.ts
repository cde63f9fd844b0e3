/**
 * Pushed: part of the `thread` bundle; runs where user code runs.
 *
 * Runs the functions that others call, and answers. Calls start in the order in which they came,
 * also when the module of one has to be fetched first; asynchronous functions overlap as they would
 * locally. No call can hurt another, or the context: what it throws or returns is answered.
 */

import { inspect } from 'node:util';
import { ModuleError } from '../errors.js';
import type { Message } from '../routing/message.js';
import type { Router } from '../routing/router.js';
import type { CallPayload } from '../runtime/call-payload.js';
import type { Exports, Loader } from '../runtime/loader.js';
import type { Log } from '../runtime/log.js';
import { FLAG_ERROR } from '../wire/flags.js';
import { ERROR } from '../wire/levels.js';

export interface DispatcherOptions {
  router: Router;
  loader: Loader;
  log: Log;
}

export class Dispatcher {
  /** Called when a call is over, before the answer to `message` leaves; with what it threw. */
  onDone: (message: Message, error?: Error) => void = () => {};
  /** What calls have left here, by id: objects whose methods can be called. */
  kept: Map<number, Exports> = new Map();
  /** What is sent in the place of a result. */
  keep: (result: unknown) => unknown = (result) => result;
  /** Takes a CANCEL message. */
  onCancel: (message: Message) => void = () => {};
  /**
   * Aborts the signals among the arguments of a call; with `graceMs` its caller does not wait for it
   * any more. Set by the `thread` bundle.
   */
  abort!: (source: number, replyHandle: number, reason: unknown, graceMs?: number) => void;
  /** What a CALL message says. Where it sets `ready`, the message is decoded again after that. */
  decode: (message: Message) => CallPayload;
  /** Calls wait for it before they start, and fail where it does; undefined where they need not. */
  ready: Promise<void> | undefined;
  /** Resolves when the last call that had to wait has started; undefined when none waits. */
  private _started: Promise<void> | undefined;

  constructor(private _options: DispatcherOptions) {
    this.decode = (message) => _options.router.decode(message) as CallPayload;
  }

  /** Takes a CALL message. */
  onMessage(message: Message): void {
    if (this.ready) {
      this.ready.then(
        () => this.onMessage(message),
        (error) => this._fail(message, error),
      );
      return;
    }
    let call: CallPayload;
    let exports: Exports | Promise<Exports>;
    try {
      call = this.decode(message);
      // To read it has shown what must be loaded first.
      if (this.ready) return this.onMessage(message);
      exports = this._exportsOf(call[0]);
    } catch (error) {
      return this._fail(message, error);
    }
    if (!this._started && !(exports instanceof Promise)) return this._run(message, call, exports);
    const before = this._started;
    const started = Promise.all([exports, before])
      .then(
        ([loaded]) => this._run(message, call, loaded),
        (error) => this._fail(message, error),
      )
      // A call that could not start does not let the next one overtake those before it.
      .then(() => before)
      .then(() => {
        if (this._started === started) this._started = undefined;
      });
    this._started = started;
  }

  private _exportsOf(module: CallPayload[0]): Exports | Promise<Exports> {
    if (typeof module === 'number') return this.kept.get(module) || {};
    const { loader } = this._options;
    if (typeof module === 'string') return builtin(module);
    const hash = module.toString('hex');
    return loader.loaded(hash) || loader.load(hash);
  }

  /** Runs the function of a call. The `context` bundle lets calls of a chain wait before it. */
  run([module, path, args]: CallPayload, exports: Exports, _message: Message): unknown {
    let owner: unknown;
    let value: unknown = exports;
    for (const name of path) {
      // Functions of user modules are called as such, and not as methods of what exports them.
      owner = typeof module === 'string' || value !== exports ? value : undefined;
      value = (value as Exports)[name];
    }
    if (typeof value !== 'function') {
      throw new ModuleError('ERR_NO_FUNCTION', `${path.join('.')} is not a function here`);
    }
    return value.apply(owner, args);
  }

  private _run(message: Message, call: CallPayload, exports: Exports): void {
    try {
      const result = this.run(call, exports, message) as PromiseLike<unknown> | undefined;
      if (!result || typeof result.then !== 'function') return this._reply(message, result);
      result.then(
        (settled: unknown) => this._reply(message, settled),
        (error: unknown) => this._fail(message, error),
      );
    } catch (error) {
      this._fail(message, error);
    }
  }

  private _reply(message: Message, result: unknown): void {
    const { router } = this._options;
    let body: Buffer | undefined;
    try {
      if (message.replyHandle) body = router.encode(this.keep(result), 'result');
    } catch (error) {
      return this._fail(message, error);
    }
    this.onDone(message);
    router.reply(message, body as Buffer);
  }

  private _fail(message: Message, error: unknown): void {
    const { router, log } = this._options;
    const thrown = error instanceof Error ? error : new Error(`thrown: ${inspect(error)}`);
    this.onDone(message, thrown);
    if (!message.replyHandle) return log(ERROR, `a call without reply failed: ${thrown.stack}`);
    let body: Buffer;
    try {
      body = router.encode(thrown);
    } catch (tooLarge) {
      body = router.encode(tooLarge);
    }
    router.reply(message, body, FLAG_ERROR);
  }
}

/** Throws where this version of Node has no such module. */
function builtin(name: string): Exports {
  return (name ? require(name) : globalThis) as Exports;
}
