/**
 * Calls functions in one context: finds what they are, ships them ahead, and brings the answers back
 * as values or errors. Calls leave in the order in which they were made.
 */

import type { Gift } from '../channels/gifts.js';
import { DeadLetterError, KinetinError } from '../errors.js';
import type { CallPayload, ChainPlace } from '../runtime/call-payload.js';
import { CALL, CANCEL } from '../wire/handles.js';
import { CallError } from './call-error.js';
import { type EncodedCall, encodeCall, reasonOf, whenAborted } from './encode.js';
import { GeneratorReference, RemoteGenerator } from './generator.js';
import type { Callee, CallHost, CallTarget } from './host.js';
import { checkNoReply } from './no-reply.js';
import { type CallOptions, callWithin, type PendingCall } from './pending-call.js';
import type { AnyFunction } from './sendable.js';

export class Caller {
  private readonly _host: CallHost;
  private readonly _callee: Callee;
  /** Resolves when the last call that had to be prepared has left; undefined when none waits. */
  private _leaving: Promise<void> | undefined;

  constructor(host: CallHost, callee: Callee) {
    this._host = host;
    this._callee = callee;
    const { numbered } = callee;
    this._leaving = numbered;
    numbered?.then(() => {
      if (this._leaving === numbered) this._leaving = undefined;
    });
  }

  /** See {@link CallHost}. */
  get host(): CallHost {
    return this._host;
  }

  /** See {@link Callee}. */
  get callee(): Callee {
    return this._callee;
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
  call(fn: AnyFunction, args: unknown[], options?: CallOptions): Promise<unknown> {
    if (!options) {
      const target = this._host.known.get(fn);
      if (!target || this._leaving) return this._call(fn, args);
      // The usual way: no more promises than it takes.
      try {
        return this.answer(this._request(target, args, undefined));
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return callWithin(
      options,
      () => this._nameOf(fn),
      (pending) => this._call(fn, args, options, pending),
    );
  }

  /**
   * Calls `fn` and wants no answer. Resolves when the call has left, which is not before the context
   * is connected; rejects as `call` does, but for what happens after that.
   */
  callNoReply(fn: AnyFunction, args: unknown[], options: CallOptions = {}): Promise<void> {
    return callWithin(
      options,
      () => this._nameOf(fn),
      async (pending) => {
        const target = this._host.known.get(fn);
        if (target && !this._leaving) this._post(target, args, pending);
        else await this._inTurn(fn, (found) => this._post(found, args, pending), pending);
        await this._callee.connected;
      },
    );
  }

  /** For people: built-ins as one would write them, whatever Node calls them itself. */
  private _nameOf(fn: AnyFunction): string {
    const { module, path = [] } = this._host.known.get(fn) || {};
    const builtin = typeof module === 'string' && [module, ...path].filter(Boolean).join('.');
    return `the call of ${builtin || fn?.name || 'a function'} in ${this.name}`;
  }

  private async _call(
    fn: AnyFunction,
    args: unknown[],
    options?: CallOptions,
    pending?: PendingCall,
  ): Promise<unknown> {
    const target = this._host.known.get(fn);
    if (target && !this._leaving) {
      return this.answer(this._request(target, args, pending), options, pending);
    }
    const send = (found: CallTarget) => ({ answer: this._request(found, args, pending) });
    const { answer } = await this._inTurn(fn, send, pending);
    return this.answer(answer, options, pending);
  }

  /** Prepares `fn`, then lets `send` send it when those before it have left. */
  private async _inTurn<Sent>(
    fn: AnyFunction,
    send: (target: CallTarget) => Sent,
    pending: PendingCall | undefined,
  ): Promise<Sent> {
    const before = this._leaving;
    const left = this._prepare(fn, before).then(send);
    const leaving = left.then(
      () => {},
      (error) => {
        // Noted before the next call leaves, which may be of the same chain.
        pending?.fail(error);
        // One that cannot be sent lets nobody pass those before it.
        return before;
      },
    );
    this._leaving = leaving;
    leaving.then(() => {
      if (this._leaving === leaving) this._leaving = undefined;
    });
    return await left;
  }

  private async _prepare(fn: AnyFunction, before: Promise<void> | undefined): Promise<CallTarget> {
    const [target] = await Promise.all([
      this._host.known.get(fn) ?? this._host.reference(fn),
      before,
    ]);
    this._host.known.set(fn, target);
    return target;
  }

  private _request(
    target: CallTarget,
    args: unknown[],
    pending: PendingCall | undefined,
  ): Promise<unknown> {
    const call = this._encode(target, args, pending, true);
    const answer = this._ask(call, pending, target);
    if (call.gifts.length > 0) this.mind(call.gifts, answer);
    return answer;
  }

  private _post(target: CallTarget, args: unknown[], pending: PendingCall): void {
    const { body, flags, gifts } = this._encode(target, args, pending, false);
    this._host.core.send({ destination: this._callee.id, handle: CALL, flags, body });
    if (gifts.length > 0) this.mind(gifts);
  }

  /** Prepares a call that leaves now. What fails here is noted before the next of its chain leaves. */
  private _encode(
    target: CallTarget,
    args: unknown[],
    pending: PendingCall | undefined,
    hasReply: boolean,
  ): EncodedCall {
    const { core } = this._host;
    try {
      pending?.throwIfGivenUp();
      const place = pending?.send();
      const encoded = encodeCall(core, payloadOf(target, args, place));
      if (!hasReply) checkNoReply(core, this._callee, encoded);
      this._host.ship(target, this._callee.id, encoded.hasEndpoints || place !== undefined);
      return encoded;
    } catch (error) {
      throw pending ? pending.fail(error) : error;
    }
  }

  /** Sends a call that can be given up. */
  private _ask(
    { body, flags, signals }: EncodedCall,
    pending: PendingCall | undefined,
    about?: CallTarget,
  ): Promise<unknown> {
    const { core } = this._host;
    const { id } = this._callee;
    const what = about ?? 'a step of a generator';
    // The usual way.
    if (!pending && signals.length === 0) {
      return core.request(id, CALL, body, undefined, what, flags);
    }
    const over = signals.length > 0 ? new AbortController() : undefined;
    const onSent = (replyHandle: number) => {
      const cancel = (reason: unknown, graceMs?: number) =>
        core.post(id, CANCEL, [replyHandle, reasonOf(reason), graceMs]);
      pending?.onSent((reason) => {
        core.unlisten(replyHandle);
        over?.abort();
        cancel(reason, pending.graceMs);
      });
      for (const signal of signals) whenAborted(signal, (reason) => cancel(reason), over?.signal);
    };
    const answer = core.request(id, CALL, body, onSent, what, flags);
    return over ? answer.finally(() => over.abort()) : answer;
  }

  /**
   * Each step of a generator is a call of what was kept there, under the options of the call that
   * returned it. One that is given up ends the generator, as soon as that can be ended.
   */
  private _generator({ id }: GeneratorReference, options?: CallOptions): RemoteGenerator {
    const { core } = this._host;
    type Step = IteratorResult<unknown>;
    const step = (method: string, value: unknown, pending?: PendingCall) => {
      pending?.throwIfGivenUp();
      const call = encodeCall(core, [id, [method], [value]]);
      return this.answer(this._ask(call, pending)) as Promise<Step>;
    };
    if (!options) return new RemoteGenerator(async (method, value) => step(method, value));
    const { chain: _, ...limits } = options;
    const end = () => {
      step('return', undefined).catch(() => {
        // It has ended otherwise, with its thread perhaps.
      });
    };
    return new RemoteGenerator((method, value) =>
      callWithin(
        limits,
        `a step of a generator in ${this.name}`,
        async (pending) => step(method, value, pending),
        end,
      ),
    );
  }

  /** Fails what has left with a call that reached nobody, as far as `answer` says so. */
  mind(gifts: Gift[], answer?: Promise<unknown>): void {
    const { connected } = this._callee;
    const fail = (error: unknown) => {
      for (const gift of gifts.splice(0)) gift.fail(error);
    };
    connected.catch(fail);
    answer?.catch((error) => {
      if (error instanceof DeadLetterError) connected.then(() => fail(error), fail);
    });
  }

  /** What a call comes to, for the one who made it. */
  async answer(
    answer: Promise<unknown>,
    options?: CallOptions,
    pending?: PendingCall,
  ): Promise<unknown> {
    try {
      const value = await answer;
      pending?.succeed();
      return value instanceof GeneratorReference ? this._generator(value, options) : value;
    } catch (error) {
      if (error instanceof DeadLetterError) {
        // Where the context could not be started, that says more than a message not delivered.
        await this._callee.connected;
        error.context = this.name;
        if (/REFUSED|HANDLE/.test(error.code)) {
          error.message += `; only contexts above ${this.name} may call functions there`;
        }
      }
      if (error instanceof KinetinError || !(error instanceof Error)) throw error;
      throw new CallError(error, this.name, this._host);
    }
  }
}

function payloadOf(
  { module, path }: CallTarget,
  args: unknown[],
  place: ChainPlace | undefined,
): CallPayload {
  return place ? [module, [...path], args, place] : [module, [...path], args];
}
