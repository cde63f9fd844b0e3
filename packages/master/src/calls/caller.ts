/**
 * Calls functions in one context: finds what they are, ships them ahead, and brings the answers back
 * as values or errors. Calls leave in the order in which they were made.
 */

import { brotliCompressSync, constants } from 'node:zlib';
import {
  type CallPayload,
  type Router as CoreRouter,
  DeadLetterError,
  handles,
  KinetinError,
  type ModuleStore,
  SerializeError,
} from '@kinetin/core';
import type { AnyFunction } from '../sendable.js';
import { type CallTarget, referenceFunction } from '../slice/reference.js';
import { CallError } from './call-error.js';
import { encodeCall, reasonOf, whenAborted } from './encode.js';
import { GeneratorReference, RemoteGenerator } from './generator.js';
import type { PendingCall } from './pending-call.js';

export { callCodec } from './encode.js';

/** What all callers of one router share. */
export interface CallerHost {
  readonly core: CoreRouter;
  readonly modules: ModuleStore;
  /** Source maps of the modules that were shipped, by the first 16 digits of their hash. */
  readonly sourceMaps: Map<string, string>;
}

/** The context that is called. */
export interface Callee {
  readonly id: number;
  readonly name: string;
  /** Settles with the connection. */
  readonly connected: Promise<unknown>;
}

/** Functions whose reference is known: they need not be waited for. */
const known = new WeakMap<AnyFunction, CallTarget>();

/** From now on, calling `fn` in a context calls `target` there. */
export function standIn(fn: AnyFunction, target: CallTarget): void {
  known.set(fn, target);
}

/** What a caller may say about a call. */
export interface CallOptions {
  /** The call, where it may be given up. */
  readonly pending?: PendingCall;
  /** Milliseconds that the function has to end by itself once the call is given up. */
  readonly graceMs?: number;
}

export class Caller {
  readonly #host: CallerHost;
  readonly #callee: Callee;
  /** Resolves when the last call that had to be prepared has left; undefined when none waits. */
  #leaving: Promise<void> | undefined;

  constructor(host: CallerHost, callee: Callee) {
    this.#host = host;
    this.#callee = callee;
  }

  /** For people: the name of the context. */
  get name(): string {
    return this.#callee.name;
  }

  /**
   * Calls `fn`. Rejects with a CallError where it throws there, with a SliceError, BundleError or
   * SerializeError where it cannot be sent, with a DeadLetterError where there can be no answer, and
   * with the reason where the context could not be started.
   */
  async call(fn: AnyFunction, args: unknown[], options: CallOptions = {}): Promise<unknown> {
    const target = known.get(fn);
    if (target && !this.#leaving) return this.#answer(this.#request(target, args, options));
    const { answer } = await this.#inTurn(fn, (found) => ({
      answer: this.#request(found, args, options),
    }));
    return this.#answer(answer);
  }

  /**
   * Calls `fn` and wants no answer. Resolves when the call has left, which is not before the context
   * is connected; rejects as `call` does, but for what happens after that.
   */
  async callNoReply(fn: AnyFunction, args: unknown[], options: CallOptions = {}): Promise<void> {
    const target = known.get(fn);
    if (target && !this.#leaving) this.#post(target, args, options);
    else await this.#inTurn(fn, (found) => this.#post(found, args, options));
    await this.#callee.connected;
  }

  /** Prepares `fn`, then lets `send` send it when those before it have left. */
  async #inTurn<Sent>(fn: AnyFunction, send: (target: CallTarget) => Sent): Promise<Sent> {
    const before = this.#leaving;
    const left = this.#prepare(fn, before).then(send);
    // One that cannot be sent lets nobody pass those before it.
    const leaving = left.then(
      () => {},
      () => before,
    );
    this.#leaving = leaving;
    leaving.then(() => {
      if (this.#leaving === leaving) this.#leaving = undefined;
    });
    return await left;
  }

  async #prepare(fn: AnyFunction, before: Promise<void> | undefined): Promise<CallTarget> {
    const [target] = await Promise.all([known.get(fn) ?? referenceFunction(fn), before]);
    known.set(fn, target);
    return target;
  }

  #request(target: CallTarget, args: unknown[], options: CallOptions): Promise<unknown> {
    const { core } = this.#host;
    const { id } = this.#callee;
    const { pending, graceMs } = options;
    pending?.throwIfGivenUp();
    const { body, signals } = encodeCall(core, payloadOf(target, args));
    this.#ship(target);
    // Made only where it is needed: this is the way of every call.
    const over = signals.length > 0 ? new AbortController() : undefined;
    const answer = core.request(id, handles.CALL, body, (replyHandle) => {
      const cancel = (reason: unknown, grace?: number) =>
        core.post(id, handles.CANCEL, [replyHandle, reasonOf(reason), grace]);
      pending?.onSent((reason) => {
        core.unlisten(replyHandle);
        cancel(reason, graceMs);
      });
      for (const signal of signals) whenAborted(signal, cancel, over?.signal);
    });
    return over ? answer.finally(() => over.abort()) : answer;
  }

  #post(target: CallTarget, args: unknown[], { pending }: CallOptions): void {
    const { core } = this.#host;
    const { id, name } = this.#callee;
    pending?.throwIfGivenUp();
    const { body, signals } = encodeCall(core, payloadOf(target, args));
    // A signal is known there by its call's reply handle, and this call has none.
    if (signals.length > 0) {
      const why = 'a signal, in a call without reply; use call, or leave it out';
      throw new SerializeError(`args cannot travel: ${why}`, 'args');
    }
    // Without a reply handle nobody says so later.
    if (!core.routes.has(id)) throw new DeadLetterError('ERR_NO_ROUTE', `${name} is lost`);
    this.#ship(target);
    core.send({ destination: id, handle: handles.CALL, body });
  }

  /** Sends the module ahead, to each hop on the way that has not got it. */
  #ship(target: CallTarget): void {
    if (target.kind === 'builtin') return;
    const { hash, text, sourceMap } = target.module;
    const { modules, sourceMaps } = this.#host;
    if (!sourceMaps.has(hash.slice(0, 16))) {
      sourceMaps.set(hash.slice(0, 16), sourceMap);
      modules.add(hash, pack(text));
    }
    modules.push(hash, this.#callee.id);
  }

  /** Each step of a generator is a call of what was kept there. */
  #generator({ id }: GeneratorReference): RemoteGenerator {
    const { core } = this.#host;
    return new RemoteGenerator((method, value) => {
      const { body } = encodeCall(core, [id, [method], [value]]);
      const answer = core.request(this.#callee.id, handles.CALL, body);
      return this.#answer(answer) as Promise<IteratorResult<unknown>>;
    });
  }

  async #answer(answer: Promise<unknown>): Promise<unknown> {
    try {
      const value = await answer;
      return value instanceof GeneratorReference ? this.#generator(value) : value;
    } catch (error) {
      // Where the context could not be started, that says more than a message not delivered.
      if (error instanceof DeadLetterError) await this.#callee.connected;
      if (error instanceof KinetinError || !(error instanceof Error)) throw error;
      throw new CallError(error, this.name, (hash) => this.#host.sourceMaps.get(hash));
    }
  }
}

function payloadOf(target: CallTarget, args: unknown[]): CallPayload {
  const module = target.kind === 'builtin' ? target.module : Buffer.from(target.module.hash, 'hex');
  return [module, [...target.path], args];
}

/** Quality 5: most of the gain at a small part of the time. */
function pack(text: string): Buffer {
  return brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
}
