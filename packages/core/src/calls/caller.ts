/**
 * Calls functions in one context: finds what they are, ships them ahead, and brings the answers back
 * as values or errors. Calls leave in the order in which they were made.
 */

import { DeadLetterError, KinetinError, SerializeError } from '../errors.js';
import type { CallPayload } from '../runtime/dispatcher.js';
import { CALL, CANCEL } from '../wire/handles.js';
import { CallError } from './call-error.js';
import { encodeCall, reasonOf, whenAborted } from './encode.js';
import { GeneratorReference, RemoteGenerator } from './generator.js';
import type { Callee, CallHost, CallTarget } from './host.js';
import type { PendingCall } from './pending-call.js';
import type { AnyFunction } from './sendable.js';

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
  private readonly _host: CallHost;
  private readonly _callee: Callee;
  /** Resolves when the last call that had to be prepared has left; undefined when none waits. */
  private _leaving: Promise<void> | undefined;

  constructor(host: CallHost, callee: Callee) {
    this._host = host;
    this._callee = callee;
  }

  /** See {@link CallHost}. */
  get host(): CallHost {
    return this._host;
  }

  /** For people: the name of the context. */
  get name(): string {
    return this._callee.name;
  }

  /**
   * Calls `fn`. Rejects with a CallError where it throws there, with a SliceError, BundleError or
   * SerializeError where it cannot be sent, with a DeadLetterError where there can be no answer, and
   * with the reason where the context could not be started.
   */
  async call(fn: AnyFunction, args: unknown[], options: CallOptions = {}): Promise<unknown> {
    const target = known.get(fn);
    if (target && !this._leaving) return this._answer(this._request(target, args, options));
    const { answer } = await this._inTurn(fn, (found) => ({
      answer: this._request(found, args, options),
    }));
    return this._answer(answer);
  }

  /**
   * Calls `fn` and wants no answer. Resolves when the call has left, which is not before the context
   * is connected; rejects as `call` does, but for what happens after that.
   */
  async callNoReply(fn: AnyFunction, args: unknown[], options: CallOptions = {}): Promise<void> {
    const target = known.get(fn);
    if (target && !this._leaving) this._post(target, args, options);
    else await this._inTurn(fn, (found) => this._post(found, args, options));
    await this._callee.connected;
  }

  /** Prepares `fn`, then lets `send` send it when those before it have left. */
  private async _inTurn<Sent>(fn: AnyFunction, send: (target: CallTarget) => Sent): Promise<Sent> {
    const before = this._leaving;
    const left = this._prepare(fn, before).then(send);
    // One that cannot be sent lets nobody pass those before it.
    const leaving = left.then(
      () => {},
      () => before,
    );
    this._leaving = leaving;
    leaving.then(() => {
      if (this._leaving === leaving) this._leaving = undefined;
    });
    return await left;
  }

  private async _prepare(fn: AnyFunction, before: Promise<void> | undefined): Promise<CallTarget> {
    const [target] = await Promise.all([known.get(fn) ?? this._host.reference(fn), before]);
    known.set(fn, target);
    return target;
  }

  private _request(target: CallTarget, args: unknown[], options: CallOptions): Promise<unknown> {
    const { core } = this._host;
    const { id } = this._callee;
    const { pending, graceMs } = options;
    pending?.throwIfGivenUp();
    const { body, signals, hasEndpoints } = encodeCall(core, payloadOf(target, args));
    this._host.ship(target, id, hasEndpoints);
    // Made only where it is needed: this is the way of every call.
    const over = signals.length > 0 ? new AbortController() : undefined;
    const answer = core.request(id, CALL, body, (replyHandle) => {
      const cancel = (reason: unknown, grace?: number) =>
        core.post(id, CANCEL, [replyHandle, reasonOf(reason), grace]);
      pending?.onSent((reason) => {
        core.unlisten(replyHandle);
        cancel(reason, graceMs);
      });
      for (const signal of signals) whenAborted(signal, cancel, over?.signal);
    });
    return over ? answer.finally(() => over.abort()) : answer;
  }

  private _post(target: CallTarget, args: unknown[], { pending }: CallOptions): void {
    const { core } = this._host;
    const { id, name } = this._callee;
    pending?.throwIfGivenUp();
    const { body, signals, hasEndpoints } = encodeCall(core, payloadOf(target, args));
    // A signal is known there by its call's reply handle, and this call has none.
    if (signals.length > 0) {
      const why = 'a signal, in a call without reply; use call, or leave it out';
      throw new SerializeError(`args cannot travel: ${why}`, 'args');
    }
    // Without a reply handle nobody says so later.
    if (!core.routes.has(id)) throw new DeadLetterError('ERR_NO_ROUTE', `${name} is lost`);
    this._host.ship(target, id, hasEndpoints);
    core.send({ destination: id, handle: CALL, body });
  }

  /** Each step of a generator is a call of what was kept there. */
  private _generator({ id }: GeneratorReference): RemoteGenerator {
    const { core } = this._host;
    return new RemoteGenerator((method, value) => {
      const { body } = encodeCall(core, [id, [method], [value]]);
      const answer = core.request(this._callee.id, CALL, body);
      return this._answer(answer) as Promise<IteratorResult<unknown>>;
    });
  }

  private async _answer(answer: Promise<unknown>): Promise<unknown> {
    try {
      const value = await answer;
      return value instanceof GeneratorReference ? this._generator(value) : value;
    } catch (error) {
      // Where the context could not be started, that says more than a message not delivered.
      if (error instanceof DeadLetterError) await this._callee.connected;
      if (error instanceof KinetinError || !(error instanceof Error)) throw error;
      throw new CallError(error, this.name, this._host);
    }
  }
}

function payloadOf({ module, path }: CallTarget, args: unknown[]): CallPayload {
  return [module, [...path], args];
}
